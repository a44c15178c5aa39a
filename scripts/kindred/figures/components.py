"""Components that models share: importance for predicting SAT, and SAT of pairs that share each."""

import numpy as np

from kindred.figures.layout import chart, reading
from kindred.figures.layout.colours import HUES
from kindred.figures.layout.style import NOTE, QUIET, TICK, Captioned, Look, Options, Style, Tables
from kindred.figures.layout.text import plural, signed, widest

LOW = 0.1  # R² over held-out models up to which importances are taken to tell nothing of other models
PANELS = (
    ("importance", "Importance", "loss of R² when shuffled"),
    ("difference", "Shared or not", "mean SAT when shared − when not"),
)


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """Bars: loss of R² when a component is shuffled (left), SAT when it is shared minus when not (right)."""
    columns = "component importance importance_sd difference pairs_shared pairs_apart"
    table = reading.require(tables, "importance", columns)
    names = [name.replace("_", " ") for name in table["component"]]
    edge = widest(names, TICK) + 0.12
    page, drawn = chart.panels(style, [(2.4, 0.19 * len(names))] * 2, left=[edge, 0.25])
    for axes, (column, title, label) in zip(drawn, PANELS, strict=True):
        values = table[column].to_numpy(dtype=np.float64)
        chart.rows(axes, names if axes is drawn[0] else [""] * len(names))
        look: Look = {"color": [HUES[0] if value >= 0 else HUES[1] for value in values]}
        if column == "importance":
            look |= {"xerr": table["importance_sd"], "error_kw": {"elinewidth": 0.6, "ecolor": QUIET}}
        axes.barh(range(len(names)), np.nan_to_num(values), 0.66, **look)
        axes.axvline(0, color=QUIET, linewidth=0.5)
        axes.set(title=title, xlabel=label)
    for row, (shared, apart) in enumerate(zip(table["pairs_shared"], table["pairs_apart"], strict=True)):
        if not (shared and apart):
            look = {"fontsize": style.points(NOTE), "color": QUIET, "va": "center_baseline", "gid": "reason"}
            drawn[1].text(0, row, " no pair shares it" if apart else " all pairs share it", **look)
    table = reading.require(tables, "regression", "held_out r2 models pairs")
    r2 = table.set_index("held_out")["r2"]
    models, pairs = (int(table[column].iloc[0]) for column in ("models", "pairs"))
    text = (
        f"SAT of {plural(pairs, 'pair')} of {plural(models, 'model')} explained by the components of both "
        "(gradient boosting). Left: loss of R² on held-out pairs when one component is shuffled among them; "
        "lines are one standard deviation over folds and shuffles. Right: mean SAT of pairs that share the "
        "component minus that of pairs that do not."
    )
    if np.isfinite([r2["pairs"], r2["models"]]).all():
        text += (
            f" R² is {r2['pairs']:.2f} over held-out pairs and {r2['models']:.2f} when whole models are "
            "held out: pairs share models, so only the second shows what to expect of a new model."
        )
    if not r2["models"] > LOW:
        text += " Components explain too little of other models for the importances to hold beyond these."
    return page.figure, signed(text)
