"""Cosine between input gradients of two models against their training budget (Jones et al. 2022, Fig. 5)."""

import numpy as np
import pandas as pd

from kindred.figures.layout import pairs, reading
from kindred.figures.layout.style import INK, Captioned, Look, Options, Style, Tables
from kindred.figures.layout.text import signed, span

TITLES = {"logit": "Logit of the true class", "cross_entropy": "Cross-entropy"}
MEAN: Look = {"color": INK, "marker": "o", "markersize": 3, "linewidth": 1.2}
APART: Look = {"color": "#b9c3c9", "marker": "o", "markersize": 2.2, "linewidth": 0}
ALIKE: Look = {"color": "white", "marker": "D", "markersize": 3, "markeredgecolor": "#8a2946", "linewidth": 0}


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """A panel per loss: every pair as a point, the mean over pairs of different architectures with one sd.

    Raises BadInput for a pair of models of one budget that gradients.csv lacks.
    """
    table = reading.require(tables, "gradients", "loss model_a model_b value sd n")
    wanted = pairs.of_one_budget(tables, "model_a", "model_b", ordered=False)
    table = pd.concat([table, table.rename(columns={"model_a": "model_b", "model_b": "model_a"})])
    losses = {
        loss: pairs.merged(wanted, table[table["loss"] == loss], f"gradients.csv ({loss})", "{} and {}")
        for loss in sorted(reading.present(table, "loss"), key=list(TITLES).index)
    }
    every = pd.concat(losses.values())
    entries: dict[str, Look] = {}
    if not every["alike"].all():
        entries |= {"mean, 95 %": MEAN, "a pair": APART}
    if every["alike"].any():
        entries["same architecture"] = ALIKE
    titles = [TITLES[loss] for loss in losses]
    page, drawn = pairs.panels(style, every, titles, "cosine", between=0.40, entries=entries)
    seen = reading.defined(every["value"])
    for axes, (loss, rows) in zip(drawn, losses.items(), strict=True):
        for x, (_, here) in enumerate(rows.groupby("budget", observed=False)):
            apart, alike = here.loc[~here["alike"], "value"], here.loc[here["alike"], "value"]
            spread = np.linspace(-0.16, 0.16, len(apart)) if len(apart) > 1 else np.zeros(len(apart))
            axes.plot(x + spread, apart, gid=f"pairs {loss} {x}", **APART)
            axes.plot([x + 0.27] * len(alike), alike, gid=f"seeds {loss} {x}", **ALIKE)
        found = pairs.means(rows[~rows["alike"]], "value")
        away = np.abs(found[["low", "high"]].T - found["mean"]).to_numpy()  # NaN draws no bar
        axes.errorbar(range(len(found)), found["mean"], away, elinewidth=0.8, gid=f"mean {loss}", **MEAN)
        axes.set_ylim(1.06 * min([0.0, *seen]), 1.06 * max([0.1, *seen]))
    text = (
        "Cosine between the input gradients of two models trained at one budget, mean over n = "
        f"{span(every['n'])} natural images."
    )
    if not every["alike"].all():
        text += (
            f" Grey points are pairs of different architectures ({pairs.counts(every)}); black: "
            "their mean and its 95 % interval over models, which are left out one by one with all their pairs."
        )
    sd = reading.defined(every["sd"])
    if len(sd):
        text += f" Within a pair the standard deviation over images is {sd.mean():.3f} on average."
    for loss, rows in losses.items():
        means = pairs.means(rows[~rows["alike"]], "value")["mean"].dropna()
        if len(means) > 1:
            first, *_, last = (f"{mean:.3f} ({budget})" for budget, mean in means.items())
            text += f" {TITLES[loss]}: {first} → {last}."
    if every["alike"].any():
        text += " Diamonds: pairs of one architecture, which differ in their seed or other settings of training."
    return page.figure, signed(text)
