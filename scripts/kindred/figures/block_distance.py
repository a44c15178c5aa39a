"""Block structure in numbers: similarity by distance of layers, and summaries of each panel."""

import numpy as np

from kindred.figures.layout import chart, layer_matrices, lines, reading
from kindred.figures.layout.style import NOTE, Captioned, Options, Style, Tables
from kindred.figures.layout.text import span

SUMMARIES = {
    "mean_off_diagonal": "mean",
    "first_half": "first\nhalf",
    "last_half": "last\nhalf",
    "first_vs_last_half": "first ×\nlast",
    "share_above_0.8": "share\n> .8",
    "share_below_0.3": "share\n< .3",
}
APART = 0.14  # between panels at one summary


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """Left, similarity by distance of layers; right, the summaries of each panel, published ones hollow.

    Distances are known where both sides have equally many layers; without any the left panel is left out.
    """
    every = reading.require(tables, "structure", "panel model_a model_b summary value published"), tables["distance"]
    structure, distance = (one[(one[["seen_a", "seen_b"]] == "natural").all(axis=1)] for one in every)
    panels = list(structure.groupby(["panel", "model_a", "model_b"]))
    looks = {panel: lines.hue(place) for place, ((panel, _, _), _) in enumerate(panels)}
    entries = {layer_matrices.pair(a, b): looks[panel] for (panel, a, b), _ in panels}
    sizes = [lines.SIZE] * (1 if distance.empty else 2)
    page, drawn = chart.panels(style, sizes, between=lines.BETWEEN, below=0.46, entries=entries)
    if not distance.empty:
        along = "distance, share of the largest"
        drawn[0].set(title="By distance of layers", xlabel=along, ylabel="mean similarity")
        for panel, part in distance.groupby("panel"):
            drawn[0].plot(part["share"], part["value"], linewidth=1.0, **looks[panel])
    axes = drawn[-1]
    for place, ((panel, _, _), part) in enumerate(panels):
        values, colour = part.set_index("summary").loc[list(SUMMARIES)], looks[panel]["color"]
        x = np.arange(len(SUMMARIES)) + APART * (place - (len(panels) - 1) / 2)
        axes.plot(x, values["value"], "o", ms=3, color=colour, gid="value")
        axes.plot(x, values["published"], "o", ms=4.4, mfc="none", mew=0.7, color=colour, gid="published")
    axes.set(title="Summaries", ylabel="value", xlim=(-0.5, len(SUMMARIES) - 0.5))
    axes.set_xticks(range(len(SUMMARIES)), list(SUMMARIES.values()), fontsize=style.points(NOTE))
    low = min([0.0, *reading.defined(structure["value"]), *reading.defined(distance["value"])])
    for axes in drawn:
        axes.set_ylim(low - 0.03, 1.03)
    text = (
        f"Block structure in numbers, of the panels on natural images ({reading.measure_of(structure)}, n = "
        f"{span(structure['n'])}). "
    )
    if not distance.empty:
        text += "Left: mean similarity of layers by their distance in the order of the network. Right: "
    text += (
        "mean over pairs of different layers, within the first and the last half of the layers, between the "
        "halves, and the shares of cells above .8 and below .3."
    )
    if structure["published"].notna().any():
        text += " Hollow: the figure of the paper's repository (WRN-28-4, CIFAR-10), digitised."
    return page.figure, text
