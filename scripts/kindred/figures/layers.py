"""Layer x layer similarity of pairs of models on one scale (Cianfarani et al. 2022, Fig. 2).

The usual triptych is standard with itself, robust with itself, standard with robust; any number of pairs is drawn.
Both axes run from the input upward and to the right: the origin is the lower left corner.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from kindred.errors import BadInput
from kindred.figures import cka, heatmap, matrix, style, tables

COLUMNS = ("stimuli", "model_a", "layer_a", "model_b", "layer_b", "measure", "value")
WHERE = "layers.csv"
NAMED = 16  # as many layers are named on the axes; of more, every tenth or so is numbered
SIDE = 2.5  # inches: width and height of the panels


@dataclass(frozen=True)
class Pair:
    """Layers of model_a (rows) against layers of model_b (columns)."""

    model_a: str
    model_b: str
    layers_a: tuple[str, ...]
    layers_b: tuple[str, ...]
    values: tables.Matrix
    n: pd.Series

    def mean(self) -> float:
        """Mean of the defined cells, without the diagonal where both axes have the same layers."""
        if self.layers_a == self.layers_b:
            kept = tables.off_diagonal(self.values)
        else:
            kept = self.values[np.isfinite(self.values)]
        return float(kept.mean()) if len(kept) else float("nan")


def read_pair(table: pd.DataFrame, model_a: str, model_b: str) -> Pair:
    """One pair of models from rows of one measure and one kind of stimuli; the table may hold it either way round.

    A model with itself may be given in full or as each unordered pair of layers once. Layers keep the order in which
    the table first names them (forward order).
    """
    a, b = table["model_a"].astype(str), table["model_b"].astype(str)
    rows = table[(a == model_a) & (b == model_b)]
    turned = rows.empty
    if turned:
        rows = table[(a == model_b) & (b == model_a)]
    if rows.empty:
        pairs = [f"{x} with {y}" for x, y in dict.fromkeys(zip(a, b, strict=True))]
        more = f" and {len(pairs) - 6} more" if len(pairs) > 6 else ""
        raise BadInput(
            f"{WHERE} does not compare {model_a} with {model_b}; it has {', '.join(pairs[:6])}{more}."
        )
    ours, theirs = ("layer_b", "layer_a") if turned else ("layer_a", "layer_b")
    first, second = rows[ours].astype(str), rows[theirs].astype(str)
    layers_a, layers_b = list(dict.fromkeys(first)), list(dict.fromkeys(second))
    if model_a == model_b:
        # Row by row (upper triangle) or column by column: one of the two names every layer from the first on.
        both = max((layers_a, layers_b), key=len)
        layers_a = layers_b = both + [one for one in layers_a + layers_b if one not in set(both)]
    i = pd.Index(layers_a).get_indexer(pd.Index(first))
    j = pd.Index(layers_b).get_indexer(pd.Index(second))
    found = pd.to_numeric(rows["value"], errors="coerce").to_numpy(dtype=np.float64)
    values = np.full((len(layers_a), len(layers_b)), np.nan)
    count = np.zeros(values.shape, dtype=np.int64)
    values[i, j] = found
    np.add.at(count, (i, j), 1)
    if model_a == model_b:
        blank = (count == 0) & (count.T > 0)
        values[blank] = values.T[blank]
        count[blank] = 1
    for wrong, says in ((count == 0, "has no row"), (count > 1, "has more than one row")):
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            raise BadInput(
                f"{WHERE} {says} for layer {layers_a[row]} of {model_a} with layer {layers_b[column]} of {model_b} "
                f"({int(wrong.sum())} such cells); each must be there once."
            )
    n = rows["n"] if "n" in rows else pd.Series(dtype=float)
    return Pair(model_a, model_b, tuple(layers_a), tuple(layers_b), values, n)


def select(
    table: pd.DataFrame,
    *,
    pairs: Sequence[Sequence[str]] | None = None,
    measure: str = "cka_debiased",
    stimuli: str = "natural",
) -> list[Pair]:
    """The panels in order; without `pairs` every pair of models the table has for this measure and these stimuli."""
    tables.require(table, COLUMNS, WHERE)
    rows = tables.choose(table, "measure", measure, WHERE)
    rows = tables.choose(rows, "stimuli", stimuli, f"{WHERE} ({measure})")
    if pairs is None:
        pairs = list(
            dict.fromkeys(zip(rows["model_a"].astype(str), rows["model_b"].astype(str), strict=True))
        )
    if not pairs or any(isinstance(pair, str) or len(pair) != 2 for pair in pairs):
        raise BadInput(f"The pairs of models are {pairs!r}; they must be a list of [rows, columns].")
    return [read_pair(rows, a, b) for a, b in pairs]


def _titles(pairs: Sequence[Pair], models: pd.DataFrame | None, titles: Sequence[str] | None) -> list[str]:
    if titles is not None:
        if len(titles) != len(pairs):
            raise BadInput(f"There are {len(titles)} titles for {len(pairs)} panels; give one each.")
        return list(titles)
    names = {name: name for pair in pairs for name in (pair.model_a, pair.model_b)}
    if models is not None:
        budget = tables.budgets(models)
        labels = {name: budget[name].label for name in names if name in budget}
        # Budgets make good titles only where they tell the models apart.
        if len(set(labels.values())) == len(names):
            names = labels
    return [
        names[pair.model_a]
        if pair.model_a == pair.model_b
        else f"{names[pair.model_a]} × {names[pair.model_b]}"
        for pair in pairs
    ]


def draw(
    table: pd.DataFrame,
    models: pd.DataFrame | None = None,
    *,
    pairs: Sequence[Sequence[str]] | None = None,
    titles: Sequence[str] | None = None,
    measure: str = "cka_debiased",
    stimuli: str = "natural",
    annotate: bool | str = False,
    dpi: int = style.DPI,
    font_size: float = style.FONT_SIZE,
) -> Figure:
    """One panel per pair (rows: layers of the first model, columns: of the second), all on the scale 0 to 1.

    table: layers.csv; models: models.csv, for titles that tell the training budgets; titles: instead of those.
    Panels are squares of one size, whatever the numbers of layers.
    """
    chosen = select(table, pairs=pairs, measure=measure, stimuli=stimuli)
    norm = Normalize(0, 1)
    panels = []
    for pair, title in zip(chosen, _titles(chosen, models, titles), strict=True):
        panels.append(
            matrix.Panel(
                pair.values,
                matrix.Side(_labels(pair.layers_a)),
                matrix.Side(_labels(pair.layers_b)),
                title,
                f"layer of {pair.model_a}",
                f"layer of {pair.model_b}",
                style.SIMILARITY,
                norm,
                matrix.unit,
            )
        )
    side = SIDE * font_size / style.FONT_SIZE
    drawn = heatmap.draw(
        panels,
        bar=cka.unit_bar(measure, [shown.values for shown in panels]),
        bodies=[(side, side)] * len(panels),
        origin="lower",
        annotate=annotate,
        dpi=dpi,
        font_size=font_size,
    )
    with style.context(font_size) as size:
        for axes, pair in zip(drawn.axes, chosen, strict=True):
            for axis, layers in ((axes.xaxis, pair.layers_b), (axes.yaxis, pair.layers_a)):
                if len(layers) > NAMED:
                    number_layers(axis, len(layers), size.tick)
    return drawn.figure


def _labels(layers: Sequence[str]) -> tuple[str, ...]:
    """Names of few layers; for many a blank each, numbered afterwards, but as wide as a number."""
    return tuple(layers) if len(layers) <= NAMED else ("000",) * len(layers)


def number_layers(axis, count: int, size: float) -> None:  # type: ignore[no-untyped-def]
    """Number the layers on an axis from 1 (nearest the input), a handful of them."""
    steps = MaxNLocator(nbins=6, integer=True, steps=[1, 2, 5, 10]).tick_values(0, count)
    places = [1, *(int(step) for step in steps if 1 < step <= count)]
    axis.set_ticks([place - 1 for place in places], [str(place) for place in places], fontsize=size)
    axis.set_tick_params(labelrotation=0)


def caption(
    table: pd.DataFrame,
    models: pd.DataFrame | None = None,
    *,
    pairs: Sequence[Sequence[str]] | None = None,
    titles: Sequence[str] | None = None,
    measure: str = "cka_debiased",
    stimuli: str = "natural",
) -> str:
    """What the figure shows: estimator, stimuli, n, the axes, and the mean of each panel."""
    chosen = select(table, pairs=pairs, measure=measure, stimuli=stimuli)
    named = _titles(chosen, models, titles)
    n = tables.counted(pd.concat([pair.n for pair in chosen]))
    over = f", n = {n}" if n else ""
    same = all(pair.layers_a == pair.layers_b for pair in chosen)
    means = [f"{title} {pair.mean():.3f}" for title, pair in zip(named, chosen, strict=True)]
    said = [
        f"Similarity ({tables.MEASURES.get(measure, measure)}{over}) of every layer of one model (rows) with every "
        f"layer of another (columns) on {stimuli} images, on one colour scale. Layers run from the input upward and "
        "to the right, in forward order."
    ]
    without = "without the diagonal" if same else "without the diagonal where both axes have the same layers"
    said.append(f"Mean of the cells, {without}: {'; '.join(means)}.")
    holes = sum(int((~np.isfinite(pair.values)).sum()) for pair in chosen)
    if holes:
        said.append(f"Hatched cells ({holes}) are undefined: a layer's output does not vary over the images.")
    return " ".join(said)
