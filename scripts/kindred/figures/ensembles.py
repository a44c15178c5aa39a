"""What ensembles gain against how alike their members are (Hwang et al. 2024)."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from kindred.figures import plots, style, tables


def draw(
    ensembles: pd.DataFrame, gains: pd.DataFrame, *, dpi: int = style.DPI, font_size: float = style.FONT_SIZE
) -> Figure:
    """A panel for each size: gain in points against mean SAT, the least-squares line, the correlation."""
    tables.require(ensembles, ["size", "mean_sat", "gain"], "ensembles.csv")
    sizes = sorted(int(size) for size in ensembles["size"].unique())
    known = gains.set_index("size")
    across, up = (
        plots.padded(values)
        for values in (ensembles["mean_sat"].to_numpy(), 100 * ensembles["gain"].to_numpy())
    )
    with style.context(font_size) as size:
        sheet = plots.page([(1.75, 1.9)] * len(sizes), left=0.42, between=0.08, dpi=dpi, font_size=font_size)
        for place, (axes, count) in enumerate(zip(sheet.axes, sizes, strict=True)):
            part = ensembles[(ensembles["size"] == count) & ensembles["mean_sat"].notna()]
            x, y = part["mean_sat"].to_numpy(), 100 * part["gain"].to_numpy()
            axes.scatter(
                x, y, s=3.5, color=plots.HUES[2], alpha=min(1.0, 60 / np.sqrt(1 + 20 * len(x))), linewidths=0
            )
            row = known.loc[count]
            if len(x) > 2 and np.isfinite(row["correlation"]):
                slope, base = np.polyfit(x, y, 1)
                ends = np.array([x.min(), x.max()])
                axes.plot(ends, base + slope * ends, color=plots.HUES[1], linewidth=1.0)
                said = f"r = {row['correlation']:.2f} [{row['low']:.2f}, {row['high']:.2f}]".replace("-", "−")
                axes.text(
                    0.97, 0.96, said, transform=axes.transAxes, fontsize=size.note, ha="right", va="top"
                )
            axes.axhline(0, color=style.QUIET, linewidth=0.5)
            axes.set_xlim(*across)
            axes.set_ylim(up[0], up[1] + 0.1 * (up[1] - up[0]))
            axes.set_xlabel("mean SAT of members", fontsize=size.label)
            if place == 0:
                axes.set_ylabel("gain over members, points", fontsize=size.label)
            plots.title(axes, f"{count} models", size)
            plots.grid(axes)
    return sheet.figure


def caption(ensembles: pd.DataFrame, gains: pd.DataFrame, choice: pd.DataFrame) -> str:
    """What the figure shows, and what choosing by SAT gave."""
    counts = zip(gains["sets"].astype(int), gains["size"].astype(int), strict=True)
    sets = ", ".join(f"{count:,} of {size}" for count, size in counts)
    best = choice.sort_values(["accuracy"], ascending=False, kind="stable").iloc[0]
    members = str(best["models"]).split()
    return (
        "Accuracy of the averaged answers of a set of models minus the mean accuracy of its members, in points, "
        f"against the mean SAT of their pairs ({sets} models). r: Pearson's correlation with its 95 % interval, for "
        "which models are drawn again rather than sets, as sets share members. Best of the sets chosen on one half of "
        f"the images, measured on the other: {tables.listed(members)} ({best['chosen']}), "
        f"{100 * best['accuracy']:.1f} % against {100 * best['best_member']:.1f} % for its best member."
    )
