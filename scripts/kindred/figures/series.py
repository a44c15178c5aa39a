"""A series of models side by side: accuracy, and similarity of corresponding layers."""

import numpy as np

from kindred.figures.layout import chart, heatmap, lines, matrix, reading
from kindred.figures.layout.page import MARGIN
from kindred.figures.layout.style import TITLE, Captioned, Options, Style, Tables
from kindred.figures.layout.text import span

CELL, LEAST = 0.36, 1.6  # inches: a cell, and a matrix of few models
COLUMN = 0.42  # inches: an attack
WIDE = 2.4  # inches: lines along the depth
APART = 0.25  # inches between matrices and lines


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """Mean similarity of corresponding layers, accuracies, and each model against the first by depth."""
    rows = reading.choose(tables["series"], "series", options["each"], "series.csv")
    first, *others = names = reading.present(rows, "model_a")
    means = rows.pivot_table(index="model_a", columns="model_b", values="value").reindex(index=names, columns=names)
    means = (means + means.T) / 2  # depths differ where layers do, so a pair is compared both ways round
    attacked = tables["accuracy"][tables["accuracy"]["model"].isin(names)]
    accuracy = attacked.pivot_table(index="model", columns="attack", values="accuracy", sort=False).reindex(names)
    accuracy.insert(0, "clean", tables["models"].set_index("model")["clean_accuracy"].reindex(names))
    accuracy = accuracy.dropna(axis=1)  # without attacks made for another series, on some of these models alone
    high = max(CELL * len(names), LEAST)
    side, columns = matrix.Side(tuple(names)), matrix.Side(tuple(accuracy))
    scale = matrix.similarity(rows["measure"].iloc[0], [means.to_numpy()])
    panels = [
        matrix.Panel(means.to_numpy(), side, side, scale, "Mean over layers"),
        matrix.Panel(accuracy.to_numpy(dtype=np.float64), side, columns, matrix.SHARES, "Accuracy, %"),
    ]
    looks = {name: lines.hue(place) for place, name in enumerate(others)}
    bodies = [(high, high), (COLUMN * len(columns.labels), high)]
    beside = APART + chart.LEFT + WIDE + chart.legend_width(looks)
    drawn = heatmap.draw(panels, style, bar=False, bodies=bodies, beside=beside)
    page, box = drawn.page, drawn.page.box_of(drawn.axes[1])
    axes = chart.dressed(page.axes(box.x1 + APART + chart.LEFT, box.y0, WIDE, high))
    for name, look in looks.items():
        part = rows[(rows["model_a"] == first) & (rows["model_b"] == name)]
        axes.plot(part["depth"], part["value"], linewidth=1.0, **look)
    axes.set_ylim(min([0.0, *reading.defined(rows["value"])]) - 0.03, 1.03)
    axes.set(xlabel=lines.DEPTH, ylabel=reading.measure_of(rows))
    title = f"Layers against those of {first}"
    page.write(page.box_of(axes).x0, page.height - MARGIN, title, TITLE, "title", va="top")
    chart.legend(page, axes, looks)
    text = (
        f"Models of the series '{options['each']}'. Left: similarity ({reading.measure_of(rows)}, n = "
        f"{span(rows['n'])} natural images) of corresponding layers, mean over layers; in networks of different "
        "numbers of layers, those at the same share of the depth correspond. Middle: accuracy on natural images and "
        f"under attacks made on each model itself. Right: along the depth, each against {first}."
    )
    pairs = means.where(np.triu(np.ones(means.shape, dtype=bool), 1)).stack().dropna()
    if len(pairs) > 1:
        least, most = (f"{pairs[a, b]:.3f} ({a} and {b})" for a, b in (pairs.idxmin(), pairs.idxmax()))
        text += f" Means of pairs range from {least} to {most}."
    return page.figure, text + " Every model is trained once, so differences include the chance of training."
