"""The study's numbers beside those that Jones et al. 2022 published: a point per cell that both have."""

import pandas as pd

from kindred.figures.layout import chart, reading
from kindred.figures.layout.page import NARROWEST, Page
from kindred.figures.layout.style import LABEL, NOTE, Captioned, Look, Options, Style, Tables
from kindred.figures.layout.text import bounded, plural, signed
from kindred.similarity.catalogue import measure

NOTHING = "No cell in common with Jones et al. (2022)."
COLOURS = ("#254573", "#c75a47", "#65abae", "#8a2946", "#7d7d79")
CASES = {
    "both_right": "both right",
    "both_wrong_same": "both wrong alike",
    "body_wrong_head_right": "head right",
    "body_right_head_wrong": "body right",
    "both_wrong_differ": "both wrong",
}
# Title: figures of the paper, and the column by which their cells are coloured.
PANELS = {
    "Figure 1": (("1",), "images"),
    "Figures 3 and 4": (("3", "4"), "images"),
    "Figure 5": (("5",), "quantity"),
    "Figure 6": (("6",), "images"),
    "Figures 7 and 8": (("7", "8"), "quantity"),
}
SIDE = 1.6  # inches


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """A panel per figure of the paper, published value along x, ours up; a message where there is no cell."""
    table = tables["published"]
    found = {
        title: (table[table["figure"].astype(str).isin(figures)], column) for title, (figures, column) in PANELS.items()
    }
    panels = {title: (cells, column) for title, (cells, column) in found.items() if cells[column].notna().any()}
    if not panels:
        text = (
            f"{NOTHING} published.architectures of the configuration maps architectures of the study to "
            "those of the paper; of their models, those with standard training count, and those trained in "
            "ℓ2 at a radius of the paper."
        )
        page = Page(style, NARROWEST, 0.6)
        page.write(NARROWEST / 2, 0.3, NOTHING, LABEL, "nothing", ha="center", va="center")
        return page.figure, text
    page, drawn = chart.panels(style, [(SIDE, SIDE)] * len(panels), left=0.44)
    named: Look = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "top", "gid": "legend"}
    wider = False
    for axes, (title, (cells, column)) in zip(drawn, panels.items(), strict=True):
        values = reading.defined(cells[["ours", "published"]].to_numpy())
        low, high = min([0.0, *values]), max([1.0, *values])
        chart.identity(axes, low, high)
        groups = list(cells.groupby(column, sort=False))
        for place, ((group, part), colour) in enumerate(zip(groups, COLOURS, strict=False)):
            name = CASES.get(group, group)
            look: Look = {"color": colour, "markersize": 2.4, "alpha": 0.75, "linewidth": 0}
            axes.plot(part["published"], part["ours"], "o", gid=f"cells {name}", **look)
            known = part.dropna(subset=["low", "high"])
            bounds: Look = {"color": colour, "alpha": 0.45, "linewidth": 0.6, "gid": f"intervals {name}"}
            axes.vlines(known["published"], known["low"], known["high"], **bounds)
            wider |= bool((known["low"] < low).any() or (known["high"] > high).any())
            if len(groups) > 1:
                below = style.points(-2 - 1.2 * NOTE * place)
                axes.annotate(name, (0, 1), (4, below), fontsize=style.points(NOTE), color=colour, **named)
        room = 0.05 * (high - low)
        axes.set(xlim=(low - room, high + room), ylim=(low - room, high + room))
        axes.set(title=title, xlabel="published", ylabel="ours" if axes is drawn[0] else "")
    text = (
        "Cells of Jones et al. (2022) that the study has as well, ours (CKA cells: "
        f"{measure(options['measure']).label}) against the published value; on the dashed line both agree. A cell of "
        "ours is a mean over all pairs of models that stand for it. Lines are 95 % intervals of our means over models, "
        "and over images where a cell is a single pair; cells without a line have no interval"
        f"{'; some go on beyond the panel' if wider else ''}. Cells of a model with itself are left out. Differences "
        "are ours less the published, in brackets 95 % intervals over models."
    )
    for row in tables["published_summary"].itertuples():
        if row.cells:
            title = f"Figure {row.figure}, {str(row.quantity).replace('_', ' ')}"
            title = "All CKA cells" if row.figure == "all" else title
            rank = "" if pd.isna(row.spearman) else f", Spearman's correlation {row.spearman:.2f}"
            difference = f"mean difference {bounded(row._asdict(), digits=3)}"
            size = f"mean absolute difference {row.mean_absolute_difference:.3f}"
            text += signed(f" {title}: {plural(row.cells, 'cell')}, {difference}, {size}{rank}.")
    return page.figure, text
