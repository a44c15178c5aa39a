"""Gain of students from teachers against the similarity of both (Hwang et al. 2024)."""

import numpy as np

from kindred.analyses.correlations import pearson
from kindred.figures.layout import chart, reading
from kindred.figures.layout.colours import group_colour
from kindred.figures.layout.labels import name_points
from kindred.figures.layout.style import NOTE, QUIET, Captioned, Look, Options, Style, Tables
from kindred.figures.layout.text import listed, plural, signed

SIZE = (2.7, 2.3)  # inches
POINT: Look = {"marker": "o", "markersize": 3.2, "linewidth": 0}
FEWEST = 3  # pairs that a correlation needs


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """A panel for each method: gain in points against SAT, a colour for each student, names of teachers."""
    table = reading.require(tables, "distillation", "student teacher method gain error sat")
    methods = reading.present(table, "method")
    table = table[table["sat"].notna()]
    looks = {name: {"color": group_colour(at), **POINT} for at, name in enumerate(reading.present(table, "student"), 1)}
    ends = [100 * (table["gain"] + sign * table["error"]) for sign in (-1, 1)]
    page, drawn = chart.panels(style, [SIZE] * len(methods), between=0.1, entries=looks, heading="student")
    for axes, method in zip(drawn, methods, strict=True):
        axes.axhline(0, color=QUIET, linewidth=0.5)
        axes.set(xlim=chart.padded(table["sat"], 0.14), ylim=chart.padded(np.concatenate(ends)))
        part = table[table["method"] == method]
        for student, rows in part.groupby("student", sort=False):
            gain, error = 100 * rows["gain"], 100 * rows["error"]
            axes.errorbar(rows["sat"], gain, error, elinewidth=0.5, **looks[str(student)])
        points = np.column_stack([part["sat"], 100 * part["gain"]])
        name_points(page, axes, points, list(part["teacher"]), 0.9 * NOTE)
        axes.set(title=f"{method} distillation".capitalize(), xlabel="SAT of student and teacher")
        axes.locator_params(axis="x", nbins=6)
    drawn[0].set_ylabel("gain over no teacher, points")
    parts = []
    for method, part in table.groupby("method", sort=False):
        r = pearson(part["gain"].to_numpy(), part["sat"].to_numpy()) if len(part) >= FEWEST else np.nan
        if np.isfinite(r):
            parts.append(f"{method} {r:.2f} over {plural(len(part), 'pair')}")
    text = (
        "Accuracy of a student trained with a teacher minus that of the same student without, from the same "
        "initial weights and order of images, in percentage points, against the SAT of the teacher and the "
        "student without a teacher. Names are those of teachers; lines are one standard error over images, "
        "which leaves out the chance of training."
    )
    if parts:
        text += f" Correlation of gain and SAT: {listed(parts)}."
    return page.figure, signed(
        f"{text} Each student was trained with one seed: differences of about a point are chance."
    )
