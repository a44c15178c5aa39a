"""Layers against layers as matrices on one scale (Cianfarani et al. 2022, Fig. 2), and their summaries as lines.

Both axes run from the input upward and to the right: the origin is the lower left corner.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from kindred.figures import cka, depth, heatmap, layers, matrix, plots, style, tables

SIDE, SMALL = 2.3, 1.45  # inches: a panel, and one of a row of more than four
MANY = 4
PANEL = ("panel", "model_a", "seen_a", "model_b", "seen_b", "place_a", "place_b", "measure", "value", "n")


def names(models: pd.DataFrame, wanted: Sequence[str]) -> dict[str, str]:
    """What figures call models: their training where it tells them all apart, else their names."""
    budget = tables.budgets(models)
    labels = {name: budget[name].label for name in wanted if name in budget}
    return labels if len(set(labels.values())) == len(set(wanted)) else {name: name for name in wanted}


def matrices(
    cells: Sequence[np.ndarray],
    titles: Sequence[str],
    sides: Sequence[tuple[str, str]],
    measure: str,
    *,
    dpi: int = style.DPI,
    font_size: float = style.FONT_SIZE,
) -> Figure:
    """Matrices side by side on one scale from 0 to 1; sides: what stands along rows and columns of each."""
    norm = Normalize(0, 1)
    panels = [
        matrix.Panel(
            values,
            matrix.Side(("000",) * values.shape[0]),
            matrix.Side(("000",) * values.shape[1]),
            title,
            row,
            column,
            style.SIMILARITY,
            norm,
            matrix.unit,
        )
        for values, title, (row, column) in zip(cells, titles, sides, strict=True)
    ]
    side = (SIDE if len(panels) <= MANY else SMALL) * font_size / style.FONT_SIZE
    with style.context(font_size) as size:
        # A title is no wider than its panel.
        room = side + 0.35
        panels = [
            matrix.Panel(**{**vars(panel), "title": _short(panel.title, room, size.title)})
            for panel in panels
        ]
    drawn = heatmap.draw(
        panels,
        bar=cka.unit_bar(measure, [panel.values for panel in panels]),
        bodies=[(side, side)] * len(panels),
        origin="lower",
        annotate=False,
        dpi=dpi,
        font_size=font_size,
    )
    with style.context(font_size) as size:
        for axes, panel in zip(drawn.axes, panels, strict=True):
            layers.number_layers(axes.xaxis, panel.values.shape[1], size.tick)
            layers.number_layers(axes.yaxis, panel.values.shape[0], size.tick)
            axes.tick_params(labelleft=True)
    return drawn.figure


def _short(text: str, room: float, size: float) -> str:
    while text and style.extent(text, size)[0] > room and len(text) > 4:
        text = text.rstrip("…")[:-1] + "…"
    return text


def read(table: pd.DataFrame, measure: str, natural: bool) -> list[tuple[pd.Series, np.ndarray]]:
    """(about, values (rows, columns)) of each panel on natural images, or of each of the others."""
    tables.require(table, PANEL, "panels.csv")
    rows = tables.choose(table, "measure", measure, "panels.csv")
    both = (rows["seen_a"] == "natural") & (rows["seen_b"] == "natural")
    return [(part.iloc[0], _square(part)) for _, part in rows[both == natural].groupby("panel", sort=True)]


def _square(part: pd.DataFrame) -> np.ndarray:
    values = np.full((part["place_a"].max() + 1, part["place_b"].max() + 1), np.nan)
    values[part["place_a"], part["place_b"]] = pd.to_numeric(part["value"], errors="coerce")
    return values


def draw(
    table: pd.DataFrame,
    models: pd.DataFrame,
    *,
    measure: str,
    natural: bool = True,
    dpi: int = style.DPI,
    font_size: float = style.FONT_SIZE,
) -> Figure:
    """The panels on natural images, or those on others. table: panels.csv; models: models.csv."""
    found = read(table, measure, natural)
    called = names(
        models, list(dict.fromkeys(str(one[side]) for one, _ in found for side in ("model_a", "model_b")))
    )
    titles, sides = [], []
    for about, _ in found:
        a, b = called[str(about["model_a"])], called[str(about["model_b"])]
        titles.append(a if a == b else f"{a} × {b}")
        seen = [("" if natural else f", {_short_seen(about, side)}") for side in ("a", "b")]
        sides.append((f"layer of {about['model_a']}{seen[0]}", f"layer of {about['model_b']}{seen[1]}"))
    return matrices([values for _, values in found], titles, sides, measure, dpi=dpi, font_size=font_size)


def _short_seen(about: pd.Series, side: str) -> str:
    """'natural', 'own attack', or 'attack of the other'."""
    seen, model = str(about[f"seen_{side}"]), str(about[f"model_{side}"])
    made_by, found, owner = seen.partition("@")
    if not found:
        return seen
    return f"own {made_by}" if owner == model else f"{made_by} of {owner}"


def caption(table: pd.DataFrame, *, measure: str, natural: bool = True) -> str:
    """What the figure shows, and the mean of each panel."""
    found = read(table, measure, natural)
    means = []
    for about, values in found:
        off = values
        if about["model_a"] == about["model_b"] and about["seen_a"] == about["seen_b"]:
            off = values[~np.eye(len(values), dtype=bool)]
        pair = f"{about['model_a']} with {about['model_b']}"
        if not natural:
            said_to = [f"{about[f'model_{side}']} ({_short_seen(about, side)})" for side in ("a", "b")]
            pair = " with ".join(said_to)
        means.append(f"{pair} {np.nanmean(off):.3f}")
    shown = "natural images" if natural else "the images that its axis names"
    own = "" if natural else " An 'own' attack was made on that very model."
    text = (
        f"Similarity ({tables.MEASURES.get(measure, measure)}, n = {tables.counted(table['n'])}) of every "
        f"layer of one model (rows) with every layer of another (columns) on {shown}, on one scale. Layers "
        f"are numbered from the input upward and to the right.{own} Mean of the cells, without a diagonal that "
        f"is 1 by construction: {'; '.join(means)}."
    )
    holes = sum(int((~np.isfinite(values)).sum()) for _, values in found)
    if holes:
        text += f" Hatched cells ({holes}) are undefined: a layer does not vary over the images."
    return text


def draw_series(
    cells: pd.DataFrame,
    *,
    series: str,
    measure: str,
    dpi: int = style.DPI,
    font_size: float = style.FONT_SIZE,
) -> Figure:
    """Every model of a series with itself. cells: series_cells.csv."""
    rows = tables.choose(cells, "series", series, "series_cells.csv")
    found = {str(model): _square(part) for model, part in rows.groupby("model", sort=False)}
    sides = [("layer", "layer")] * len(found)
    return matrices(list(found.values()), list(found), sides, measure, dpi=dpi, font_size=font_size)


def series_caption(cells: pd.DataFrame, structure: pd.DataFrame, *, series: str, measure: str) -> str:
    """What the figure shows, with the summaries of each model."""
    rows = tables.choose(structure, "series", series, "series_structure.csv")
    said_of = []
    for model, part in rows.groupby("model", sort=False):
        value = part.set_index("summary")["value"]
        three = [value[name] for name in ("mean_off_diagonal", "first_vs_last_half", "principal_share")]
        said_of.append(f"{model} {', '.join(f'{one:.2f}' for one in three)}")
    n = tables.counted(cells["n"])
    return (
        f"Similarity ({tables.MEASURES.get(measure, measure)}, n = {n}) of every layer of a model with every "
        "other of the same model on natural images, on one scale; layers from the input upward and to the "
        "right. Of each model the mean over pairs of different layers, the mean between its two halves, and "
        f"the mean share of a layer's variance along its first principal component: {'; '.join(said_of)}. "
        "One model each: differences include the chance of training."
    )


def draw_distance(
    distance: pd.DataFrame,
    structure: pd.DataFrame,
    *,
    dpi: int = style.DPI,
    font_size: float = style.FONT_SIZE,
) -> Figure:
    """Left, similarity against the distance of layers; right, the summaries of each panel, published ones hollow."""
    natural = distance[(distance["seen_a"] == "natural") & (distance["seen_b"] == "natural")]
    tables.require(natural, ["panel", "share", "value"], "distance.csv")
    labels = {}
    for panel, part in natural.groupby("panel", sort=True):
        one = part.iloc[0]
        a, b = str(one["model_a"]), str(one["model_b"])
        labels[panel] = a if a == b else f"{a} × {b}"
    lines = [
        depth.Line(labels[panel], part["share"], part["value"], depth.hue(place))
        for place, (panel, part) in enumerate(natural.groupby("panel", sort=True))
    ]
    kinds = [name for name in tables.present(structure, "summary") if not name.startswith("distance")]
    kinds = [name for name in kinds if name != "diagonal"]
    empty = depth.Panel("Summaries", [], "value", "")
    figure = depth.draw(
        [
            depth.Panel("By distance of layers", lines, "mean similarity", "distance, share of the largest"),
            empty,
        ],
        columns=2,
        dpi=dpi,
        font_size=font_size,
    )
    axes = figure.axes[1]
    with style.context(font_size) as size:
        for place, panel in enumerate(labels):
            part = structure[structure["panel"] == panel].set_index("summary")
            x = np.arange(len(kinds)) + 0.14 * (place - (len(labels) - 1) / 2)
            colour = plots.group_colour(place + 1)
            axes.plot(x, part.loc[kinds, "value"], "o", ms=3, color=colour, gid="value")
            told = pd.to_numeric(part.loc[kinds, "published"], errors="coerce")
            axes.plot(x, told, "o", ms=4.4, mfc="none", mew=0.7, color=colour, gid="published")
        short = {
            "mean_off_diagonal": "mean",
            "first_half": "first\nhalf",
            "last_half": "last\nhalf",
            "first_vs_last_half": "first ×\nlast",
            "share_above_0.8": "share\n> .8",
            "share_below_0.3": "share\n< .3",
        }
        axes.set_xticks(range(len(kinds)), [short.get(name, name) for name in kinds], fontsize=size.note)
        axes.set_xlim(-0.5, len(kinds) - 0.5)
    return figure


def distance_caption(structure: pd.DataFrame) -> str:
    """What the figure shows, and whether published values stand beside."""
    told = pd.to_numeric(structure["published"], errors="coerce").notna().any()
    text = (
        "Block structure in numbers, of the panels on natural images. Left: mean similarity of layers that "
        "lie so far apart. Right: mean over pairs of different layers, within the first and the last half of "
        "the layers, between the halves, and the shares of cells above .8 and below .3."
    )
    if told:
        text += " Hollow: the figure of the paper's repository (WRN-28-4, CIFAR-10), digitised."
    return text
