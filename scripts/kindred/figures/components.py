"""Components that models share: importance for predicting SAT, and SAT of pairs that share each."""

import numpy as np
import pandas as pd

from kindred.analyses.components import JOINED
from kindred.figures.layout import chart, reading
from kindred.figures.layout.colours import HUES
from kindred.figures.layout.style import NOTE, QUIET, TICK, Captioned, Look, Options, Style, Tables
from kindred.figures.layout.text import bounded, listed, plural, signed, widest

LOW = 0.1  # R² over held-out models up to which importances are taken to tell nothing of other models
PANELS = (
    (("value", "low", "high"), "Importance", "loss of R² when shuffled"),
    (("difference", "difference_low", "difference_high"), "Shared or not", "mean SAT when shared − when not"),
)


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """Bars: loss of R² when a component is shuffled (left), SAT when it is shared minus when not (right)."""
    columns = "component value low high difference difference_low difference_high pairs_shared pairs_apart"
    table = reading.require(tables, "importance", columns)
    merged = [name.replace("_", " ").split(JOINED) for name in table["component"]]
    names = [_short(alike) for alike in merged]
    edge = widest(names, TICK) + 0.12
    page, drawn = chart.panels(style, [(2.4, 0.19 * len(names))] * 2, left=[edge, 0.25])
    for axes, (estimate, title, label) in zip(drawn, PANELS, strict=True):
        values, low, high = (table[name].to_numpy(dtype=np.float64) for name in estimate)
        chart.rows(axes, names if axes is drawn[0] else [""] * len(names))
        look: Look = {"color": [HUES[0] if value >= 0 else HUES[1] for value in values]}
        axes.hlines(range(len(names)), low, high, color=QUIET, linewidth=0.6, zorder=3)
        axes.barh(range(len(names)), np.nan_to_num(values), 0.66, **look)
        axes.axvline(0, color=QUIET, linewidth=0.5)
        axes.set(title=title, xlabel=label)
        axes.locator_params(axis="x", nbins=5)
    for row, (shared, apart) in enumerate(zip(table["pairs_shared"], table["pairs_apart"], strict=True)):
        if not (shared and apart):
            look = {"fontsize": style.points(NOTE), "color": QUIET, "va": "center_baseline", "gid": "reason"}
            drawn[1].text(0, row, " no pair shares it" if apart else " all pairs share it", **look)
    return page.figure, signed(
        _caption(reading.require(tables, "regression", "held_out value low high n models"), merged)
    )


def _short(alike: list[str]) -> str:
    """The first two of components that divide the models alike."""
    return " and ".join(alike) if len(alike) < 3 else f"{alike[0]}, {alike[1]} and {len(alike) - 2} more"


def _caption(table: pd.DataFrame, merged: list[list[str]]) -> str:
    r2 = table.set_index("held_out")
    pairs, models = int(table["n"].iloc[0]), int(table["models"].iloc[0])
    text = (
        f"SAT of {plural(pairs, 'pair')} of {plural(models, 'model')} explained by the components of both (gradient "
        "boosting). Left: loss of R² on held-out pairs when one component is shuffled among them; lines are the middle "
        "95 % over divisions into folds, folds and shuffles. Right: mean SAT of pairs that share the component minus "
        "that of pairs that do not; lines are 95 % intervals by resampling models. Components go together, so a "
        "difference is not an effect of the one component."
    )
    if alike := [listed(names) for names in merged if len(names) > 2]:
        text += f" Components that divide the models alike count as one: {'; '.join(alike)}."
    known = table.dropna(subset=["value"])
    if len(known):
        parts = [f"{bounded(row)} with {row['held_out']} held out" for row in known.to_dict("records")]
        text += (
            f" R²: {listed(parts)} (in brackets 95 % intervals, by resampling what was held out). Pairs share models "
            "and models share architectures: R² with pairs held out tells nothing of a new model, and that with models "
            "held out nothing of a new architecture. Below 0 the prediction is worse than the mean."
        )
    if not r2["value"]["models"] > LOW:
        text += " Components explain too little of other models for the importances to hold beyond these."
    return text
