"""What a teacher gives a student, against how alike they are (Hwang et al. 2024)."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from kindred.figures import plots, style, tables
from kindred.mantel import pearson


def draw(table: pd.DataFrame, *, dpi: int = style.DPI, font_size: float = style.FONT_SIZE) -> Figure:
    """A panel for each method: gain in points against SAT; a colour for each student, the teacher's name beside."""
    tables.require(table, ["student", "teacher", "method", "gain", "error", "sat"], "distillation.csv")
    methods, students = tables.present(table, "method"), tables.present(table, "student")
    ends = [100 * (table["gain"] + sign * table["error"]).to_numpy() for sign in (-1, 1)]
    with style.context(font_size) as size:
        sheet = plots.page([(2.7, 2.3)] * len(methods), between=0.25, dpi=dpi, font_size=font_size)
        for axes, method in zip(sheet.axes, methods, strict=True):
            axes.axhline(0, color=style.QUIET, linewidth=0.5)
            axes.set_xlim(*plots.padded(table["sat"].to_numpy(dtype=float), 0.14))
            axes.set_ylim(*plots.padded(np.concatenate(ends)))
            part = table[table["method"] == method]
            for place, student in enumerate(students, 1):
                rows = part[part["student"] == student]
                axes.errorbar(
                    rows["sat"],
                    100 * rows["gain"],
                    100 * rows["error"],
                    fmt="o",
                    ms=3.2,
                    elinewidth=0.5,
                    color=plots.group_colour(place),
                    label=student,
                )
            points = np.column_stack([part["sat"], 100 * part["gain"]])
            plots.name_points(axes, points, [str(name) for name in part["teacher"]], size.note * 0.8)
            axes.set_xlabel("SAT of student and teacher", fontsize=size.label)
            axes.set_ylabel("gain over no teacher, points", fontsize=size.label)
            plots.title(axes, f"{method} distillation", size)
            plots.grid(axes)
        sheet.axes[0].legend(fontsize=size.note, frameon=False, title="student", title_fontsize=size.note)
    return sheet.figure


def caption(table: pd.DataFrame) -> str:
    """What the figure shows, with the correlation of each method."""
    said = []
    for method in tables.present(table, "method"):
        part = table[(table["method"] == method) & table["sat"].notna()]
        r = pearson(part["gain"].to_numpy(), part["sat"].to_numpy()) if len(part) > 2 else float("nan")
        said.append(f"{method} {r:.2f} over {len(part)} pairs".replace("-", "−"))
    return (
        "Accuracy of a student trained with a teacher minus that of the same student without, from the same first "
        "weights and order of images, in points, against the SAT of teacher and untaught student; lines are one "
        "standard error over images, which leaves out that of the training. Correlation of gain and SAT: "
        f"{tables.listed(said)}. One seed a student: differences of about a point are chance."
    )
