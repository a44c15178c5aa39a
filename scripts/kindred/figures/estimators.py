"""Estimators of the same pairs: biased CKA with its null level, debiased CKA, and STIR."""

import numpy as np
import pandas as pd

from kindred.figures.layout import chart, reading, similarities
from kindred.figures.layout.style import Captioned, Look, Options, Style, Tables
from kindred.figures.layout.text import signed, span
from kindred.similarity.catalogue import measure

POINT: Look = {"marker": "o", "alpha": 0.7, "linewidth": 0}
LOOKS: dict[str, Look] = {
    "cka_biased": {"color": "#254573", "markersize": 2.2, **POINT},
    "null": {"color": "#c08a5b", "markersize": 1.6, **POINT},
    "stir": {"color": "#8a2946", "markersize": 2.2, **POINT},
}
KEYS = {"cka_biased": "biased CKA of a pair", "null": "its null level", "stir": "STIR of a pair"}
SIDE = 1.9  # inches


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """Debiased CKA along x; up, biased CKA and its null level, then STIR. Both agree on the dashed line."""
    cka = reading.require(tables, "cka", "stimuli model_a model_b measure value null unconverged n")
    inversion = options["inversion"]
    wanted = [("Natural images", "cka_biased", "natural")]
    if inversion:
        wanted += [("Inverted images", "cka_biased", inversion), ("STIR on inverted images", "stir", inversion)]
    rows = cka[(cka["model_a"] != cka["model_b"]) & cka["value"].notna()]
    panels: list[tuple[str, str, pd.DataFrame]] = []  # with pairs of models: x, and y and null of the other measure
    for title, other, stimuli in wanted:
        seen = rows[rows["stimuli"] == stimuli]
        x = seen.loc[seen["measure"] == "cka_debiased", ["model_a", "model_b", "value"]].rename(columns={"value": "x"})
        y = seen[seen["measure"] == other].rename(columns={"value": "y"})
        pairs = x.merge(y, on=["model_a", "model_b"])
        panels += [(title, other, pairs)] if len(pairs) else []
    others = {other for _, other, _ in panels}
    others |= {"null"} if panels else set()
    entries = {key: LOOKS[name] for name, key in KEYS.items() if name in others}
    page, drawn = chart.panels(style, [(SIDE, SIDE)] * len(panels), entries=entries)
    for axes, (title, other, pairs) in zip(drawn, panels, strict=True):
        low = min(0.0, pairs["x"].min(), pairs["y"].min())
        chart.identity(axes, low, 1)
        axes.plot(pairs["x"], pairs["null"], gid="null", **LOOKS["null"])
        axes.plot(pairs["x"], pairs["y"], gid="value", **LOOKS[other])
        axes.set(xlim=(low - 0.03, 1.03), ylim=(low - 0.03, 1.03), title=title)
        axes.set(xlabel=measure("cka_debiased").label, ylabel=measure(other).label)
    text = (
        "Estimators of the similarity of penultimate features, a point for each pair of different models "
        "(ordered pairs on inverted images). On the dashed line both agree. The null level is, on "
        "natural images, the exact expectation when the images of one model are paired with those of the other "
        "at random (0 for the debiased estimator), and on inverted ones what remains where the tested model sees "
        "the seed images alone."
    )
    for title, other, pairs in panels:
        gap = (pairs["y"] - pairs["x"]).mean()
        if other == "stir":
            known = len(pairs) > 2 and np.ptp(pairs["x"]) and np.ptp(pairs["y"])
            correlation = f", correlation over pairs {pairs['x'].corr(pairs['y']):.2f}" if known else ""
            text += (
                " STIR compares the features of the tested model on inverted images with its features on their "
                f"natural targets (Nanda et al. 2022); on average it differs from CKA by {gap:+.3f}{correlation}."
            )
        else:
            null = reading.defined(pairs["null"])
            text += (
                f" {title} (n = {span(pairs['n'])}): biased CKA lies {gap:.3f} above debiased "
                f"CKA on average, its null level from {null.min():.3f} to {null.max():.3f}."
            )
    if inversion:
        text += similarities.unconverged(rows[rows["stimuli"] == inversion])
    return page.figure, signed(text)
