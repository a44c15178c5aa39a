"""Gain of students from teachers against the similarity of both (Hwang et al. 2024)."""

import numpy as np
import pandas as pd

from kindred.figures.layout import chart, reading
from kindred.figures.layout.colours import group_colour
from kindred.figures.layout.labels import name_points
from kindred.figures.layout.style import NOTE, QUIET, Captioned, Look, Options, Style, Tables
from kindred.figures.layout.text import bounded, listed, plural, signed

SIZE = (2.7, 2.3)  # inches
POINT: Look = {"marker": "o", "markersize": 3.2, "linewidth": 0}


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """A panel for each method: gain in points against SAT, a colour for each student, names of teachers."""
    columns = "student teacher method value low high n seeds teacher_right verdict sat"
    every = reading.require(tables, "distillation", columns)
    methods = reading.present(every, "method")
    table = every[every["sat"].notna() & every["value"].notna()]
    looks = {name: {"color": group_colour(at), **POINT} for at, name in enumerate(reading.present(every, "student"), 1)}
    ends = 100 * table[["value", "low", "high"]].to_numpy(dtype=np.float64)
    page, drawn = chart.panels(style, [SIZE] * len(methods), between=0.1, entries=looks, heading="student")
    for axes, method in zip(drawn, methods, strict=True):
        axes.axhline(0, color=QUIET, linewidth=0.5)
        axes.set(xlim=chart.padded(table["sat"], 0.14), ylim=chart.padded(ends.ravel()))
        part = table[table["method"] == method]
        for student, rows in part.groupby("student", sort=False):
            colour = looks[str(student)]["color"]
            axes.vlines(rows["sat"], 100 * rows["low"], 100 * rows["high"], color=colour, linewidth=0.5)
            axes.plot(rows["sat"], 100 * rows["value"], **looks[str(student)])
        if len(part):
            points = np.column_stack([part["sat"], 100 * part["value"]])
            name_points(page, axes, points, list(part["teacher"]), 0.9 * NOTE)
        else:
            look: Look = {"transform": axes.transAxes, "ha": "center", "color": QUIET, "gid": "reason"}
            axes.text(0.5, 0.6, "cannot tell", **look)
        axes.set(title=f"{method} distillation".capitalize(), xlabel="SAT of student and teacher")
        axes.locator_params(axis="x", nbins=6)
    drawn[0].set_ylabel("gain over no teacher, points")
    return page.figure, signed(_caption(every, tables["distillation_summary"]))


def _caption(table: pd.DataFrame, summary: pd.DataFrame) -> str:
    text = (
        "Accuracy of a student trained with a teacher minus that of the same student without, from the same initial "
        f"weights and order of images, in percentage points, mean over {plural(int(table['seeds'].max()), 'seed')}, "
        "against the SAT of the teacher and the student without a teacher. Names are those of teachers; lines are 95 % "
        f"intervals over seeds and {plural(int(table['n'].max()), 'image')}."
    )
    for method, rows in table.groupby("method", sort=False):
        empty = rows[rows["verdict"] != ""]
        if len(empty):
            text += (
                f" Of the {plural(len(rows), 'pair')} of {method} distillation {len(empty)} cannot tell, as the "
                "teacher gets every training label right and its labels add nothing."
            )
    clear = int(((table["low"] > 0) | (table["high"] < 0)).sum())
    if known := int(table["low"].notna().sum()):
        text += f" {clear} of {plural(known, 'interval')} {'excludes' if clear == 1 else 'exclude'} 0."
    parts = [
        f"{row['method']} {bounded(row)} over {plural(int(row['n']), 'pair')}"
        for row in summary.dropna(subset=["value"]).to_dict("records")
    ]
    if parts:
        return f"{text} Correlation of gain and SAT (95 % interval by resampling teachers): {listed(parts)}."
    return f"{text} There are too few pairs to tell whether gain goes with SAT."
