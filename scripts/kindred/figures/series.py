"""A series of models side by side: how alike corresponding layers are, by pair and along the depth."""

import numpy as np
import pandas as pd
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from kindred.figures import accuracy as accuracies
from kindred.figures import chart, depth, heatmap, matrix, plots, style, tables

CELL = 0.36  # inches


def draw(
    table: pd.DataFrame,
    accuracy: pd.DataFrame,
    models: pd.DataFrame,
    *,
    series: str,
    dpi: int = style.DPI,
    font_size: float = style.FONT_SIZE,
) -> Figure:
    """Mean similarity of corresponding layers of every pair, accuracy under each attack, and each model against the
    first.

    table: series.csv; accuracy: accuracy.csv; models: models.csv.
    """
    rows = tables.choose(table, "series", series, "series.csv")
    names = tables.present(rows, "model_a")
    mean = rows.groupby(["model_a", "model_b"])["value"].mean()
    # Depths differ where layers do, so a pair is told both ways round and averaged.
    values = np.array([[(mean[a, b] + mean[b, a]) / 2 for b in names] for a in names])
    right = _accuracy(accuracy, models, names)
    scale = font_size / style.FONT_SIZE
    with style.context(font_size) as size:
        wide, high = CELL * scale * len(names), CELL * scale * len(names)
        across = 0.42 * scale * len(right.columns)
        labels = style.widest(names, size.tick) + 0.12
        under = max(style.widest([*names, *map(str, right.columns)], size.tick) + 0.1, 0.4)
        line_wide = 2.4 * scale
        legend = chart.legend_width({name: 0 for name in names[1:]}, size)
        total = labels + wide + 0.25 + across + 0.62 * scale + line_wide + legend + 2 * style.MARGIN
        tall = max(high, 1.6 * scale)
        above = 0.30 * scale
        figure = style.blank(total, above + tall + under + 2 * style.MARGIN, dpi)
        page_wide, page_high = figure.get_size_inches()
        low = style.MARGIN + under
        x = style.MARGIN + labels

        def place(left: float, width: float, height: float):  # type: ignore[no-untyped-def]
            base = low + tall - height
            return figure.add_axes(
                (left / page_wide, base / page_high, width / page_wide, height / page_high)
            )

        side = matrix.Side(tuple(names))
        norm = Normalize(0, 1)
        panels = [
            (
                matrix.Panel(values, side, side, "", "", "", style.SIMILARITY, norm, matrix.unit),
                wide,
                "Mean CKA",
            ),
            (
                matrix.Panel(
                    right.to_numpy(dtype=float),
                    side,
                    matrix.Side(tuple(map(str, right.columns))),
                    "",
                    "",
                    "",
                    style.ACCURACY,
                    norm,
                    accuracies.percent,
                ),
                across,
                "Accuracy, %",
            ),
        ]
        for index, (panel, width, title) in enumerate(panels):
            axes = place(x, width, high)
            number = matrix.number_size(True, panel, (width, high), font_size)
            matrix.draw(axes, panel, origin="upper", size=number)
            axes.set_xticks(
                range(len(panel.columns.labels)), panel.columns.labels, rotation=90, fontsize=size.tick
            )
            axes.set_yticks(range(len(names)), names if index == 0 else [""] * len(names), fontsize=size.tick)
            axes.tick_params(size=0, pad=3)
            plots.title(axes, title, size)
            x += width + 0.25
        axes = place(x + 0.37 * scale, line_wide, tall)
        chart.dress(axes, size)
        entries = {}
        for index, name in enumerate(names[1:]):
            part = rows[(rows["model_a"] == names[0]) & (rows["model_b"] == name)]
            look = depth.hue(index)
            axes.plot(part["depth"], part["value"], linewidth=1.0, **look)
            entries[name] = look
        found = rows["value"].to_numpy(dtype=float)
        axes.set_ylim(min(0.0, float(np.nanmin(found))) - 0.03, 1.03)
        axes.set_xlabel(depth.DEPTH, fontsize=size.label, labelpad=2)
        axes.set_ylabel(f"CKA with {names[0]}", fontsize=size.label, labelpad=2)
        plots.title(axes, f"Layers against those of {names[0]}", size)
        chart.legend(figure, axes, entries, size)
        if any(not np.isfinite(panel.values).all() for panel, _, _ in panels):
            heatmap.explain_holes(figure, style.MARGIN, style.MARGIN, "not measured", size.note)
    return figure


def _accuracy(accuracy: pd.DataFrame, models: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Models x (clean, attacks), NaN where an attack was not made."""
    rows = accuracy[accuracy["model"].isin(names)]
    attacks = list(dict.fromkeys(rows["attack"]))
    clean = models.set_index("model")["clean_accuracy"].reindex(names)
    found = rows.pivot_table(index="model", columns="attack", values="accuracy").reindex(
        index=names, columns=attacks
    )
    found.insert(0, "clean", clean)
    # What is measured of all is shown; an attack made for another series of some of them is not.
    return found.dropna(axis=1)


def caption(table: pd.DataFrame, accuracy: pd.DataFrame, models: pd.DataFrame, *, series: str) -> str:
    """What the figure shows: n, what corresponds, and which pairs are most and least alike."""
    rows = tables.choose(table, "series", series, "series.csv")
    measure = str(rows["measure"].iloc[0])
    mean = rows[rows["model_a"] != rows["model_b"]].groupby(["model_a", "model_b"])["value"].mean()
    names = tables.present(rows, "model_a")
    pairs = {(a, b): (mean[a, b] + mean[b, a]) / 2 for at, a in enumerate(names) for b in names[at + 1 :]}
    said = ""
    if pairs:
        most, least = max(pairs, key=lambda pair: pairs[pair]), min(pairs, key=lambda pair: pairs[pair])
        said = (
            f" Most alike are {most[0]} and {most[1]} ({pairs[most]:.3f}), least {least[0]} and {least[1]} "
            f"({pairs[least]:.3f})."
        )
    return (
        f"Models of the series '{series}'. Left: similarity ({tables.MEASURES.get(measure, measure)}, n = "
        f"{tables.counted(rows['n'])} natural images) of corresponding layers, mean over layers; layers of "
        "networks that differ in their number correspond by their share of the depth. Middle: accuracy on "
        "natural images and under attacks made on each model itself. Right: along the depth, each against "
        f"{names[0]}.{said} One model each: differences include the chance of training."
    )
