"""Which components make models alike: importance for predicting SAT, and SAT of pairs that share each."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from kindred.figures import plots, style, tables


def draw(importance: pd.DataFrame, *, dpi: int = style.DPI, font_size: float = style.FONT_SIZE) -> Figure:
    """Bars: loss of R2 when a component is shuffled (left), SAT when it is shared minus when not (right)."""
    tables.require(importance, ["component", "importance", "importance_sd", "difference"], "importance.csv")
    names = [str(name).replace("_", " ") for name in importance["component"]]
    rows = np.arange(len(names))[::-1]
    with style.context(font_size) as size:
        tall = 0.19 * len(names) * font_size / style.FONT_SIZE
        wide = style.widest(names, size.tick) * style.FONT_SIZE / font_size + 0.12
        sheet = plots.page([(2.4, tall), (2.4, tall)], left=wide, between=0.1, dpi=dpi, font_size=font_size)
        for axes, column, text, label in (
            (sheet.axes[0], "importance", "Importance", "loss of R² when shuffled"),
            (sheet.axes[1], "difference", "Shared or not", "mean SAT when shared − when not"),
        ):
            values = importance[column].to_numpy(dtype=np.float64)
            spread = importance["importance_sd"].to_numpy() if column == "importance" else None
            axes.barh(
                rows,
                np.nan_to_num(values),
                height=0.66,
                color=[plots.HUES[0] if value >= 0 else plots.HUES[1] for value in values],
                xerr=spread,
                error_kw={"elinewidth": 0.6, "ecolor": style.QUIET},
            )
            for row in rows[~np.isfinite(values)]:
                axes.text(
                    0, row, " no such pairs", fontsize=size.note, color=style.QUIET, va="center_baseline"
                )
            axes.axvline(0, color=style.QUIET, linewidth=0.5)
            axes.set_yticks(rows, names, fontsize=size.tick)
            axes.set_ylim(-0.6, len(names) - 0.4)
            axes.set_xlabel(label, fontsize=size.label)
            axes.spines["left"].set_visible(False)
            axes.tick_params(axis="y", size=0)
            plots.title(axes, text, size)
            plots.grid(axes, "x")
    return sheet.figure


def caption(importance: pd.DataFrame, regression: pd.DataFrame) -> str:
    """What the figure shows, with how much is explained at all."""
    tables.require(regression, ["held_out", "r2", "models", "pairs"], "regression.csv")
    r2 = regression.set_index("held_out")["r2"]
    models, pairs = (int(regression[column].iloc[0]) for column in ("models", "pairs"))
    said = [
        f"SAT of {pairs:,} pairs of {models} models explained by the components of both (gradient boosting). Left: how "
        "much of R² is lost on held-out pairs when one component is shuffled among them; lines are one standard "
        "deviation over folds and shuffles. Right: mean SAT of pairs that share the component minus that of pairs "
        f"that do not. R² is {r2['pairs']:.2f} over held-out pairs, {r2['models']:.2f} when whole models are held "
        "out: pairs share models, so only the second says what to expect of a new model."
    ]
    if not r2["models"] > 0.1:
        said.append(
            "The second is so low that the importances tell these models apart and say nothing of others."
        )
    return " ".join(said).replace(" -", " −")
