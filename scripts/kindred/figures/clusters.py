"""SAT of every pair of models, models of one group together (Hwang et al. 2024, the groups of its Fig. 1)."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from kindred.errors import BadInput
from kindred.figures import heatmap, matrix, plots, style, tables
from kindred.scores import TOP, Scores


@dataclass(frozen=True)
class Content:
    """SAT with models in the order drawn, and the group of each, numbered from 1."""

    scores: Scores
    groups: tuple[int, ...]


def select(scores: Scores, clusters: pd.DataFrame) -> Content:
    """Groups by number, in each the models most like the rest of it first. Raises BadInput for other models."""
    tables.require(clusters, ["model", "cluster", "hierarchical"], "clusters.csv")
    group = dict(zip(clusters["model"].astype(str), clusters["cluster"].astype(int), strict=True))
    if missing := [name for name in scores.models if name not in group]:
        raise BadInput(f"clusters.csv has no row for the model {missing[0]!r}.")
    own = np.array([group[name] for name in scores.models])
    inside = (own[:, None] == own[None, :]) & ~np.eye(len(own), dtype=bool) & np.isfinite(scores.sat)
    total = np.where(inside, scores.sat, 0.0).sum(axis=1) / np.maximum(inside.sum(axis=1), 1)
    order = np.lexsort((-total, own))
    return Content(
        scores.of([scores.models[index] for index in order]), tuple(int(own[index]) for index in order)
    )


def draw(
    scores: Scores,
    clusters: pd.DataFrame,
    *,
    annotate: bool | str = "auto",
    dpi: int = style.DPI,
    font_size: float = style.FONT_SIZE,
) -> Figure:
    """One heatmap, groups set apart; the strip tells the group."""
    content = select(scores, clusters)
    colours = tuple(plots.group_colour(group) for group in content.groups)
    side = matrix.Side(content.scores.models, tuple(map(str, content.groups)), colours)
    apart = tables.off_diagonal(content.scores.sat)
    low = float(np.floor(4 * apart.min()) / 4) if len(apart) else 0.0
    high = min(TOP, float(np.ceil(4 * apart.max()) / 4)) if len(apart) else TOP
    panel = matrix.Panel(
        content.scores.sat,
        side,
        side,
        "SAT by group",
        "",
        "",
        style.TRANSFER,
        Normalize(low, max(high, low + 0.25)),
        "{:.1f}".format,
    )
    return heatmap.draw(
        [panel],
        bar=heatmap.Bar("SAT", extend="max" if np.nanmax(content.scores.sat) > high else "neither"),
        annotate=annotate,
        undefined="undefined",
        dpi=dpi,
        font_size=font_size,
    ).figure


def caption(scores: Scores, clusters: pd.DataFrame, labels: pd.DataFrame | None = None) -> str:
    """What the figure shows: groups, how they compare with a tree's and with what is known of the models."""
    content = select(scores, clusters)
    own = np.array(content.groups)
    same = (own[:, None] == own[None, :])[np.triu_indices(len(own), 1)]
    pairs = content.scores.sat[np.triu_indices(len(own), 1)]
    said = [
        f"SAT of {len(own)} models (natural logarithm of the percentage of images fooled, mean of both directions) in "
        f"{own.max()} groups by spectral clustering, the largest first; strips tell the group. The colour scale is "
        "that of different models: a model with itself (its white-box rate) may lie above it.",
    ]
    if np.isfinite(pairs[same]).any() and np.isfinite(pairs[~same]).any():
        said.append(
            f"Mean SAT inside groups {np.nanmean(pairs[same]):.3f}, between groups {np.nanmean(pairs[~same]):.3f}."
        )
    if labels is not None and len(labels):
        known = labels.sort_values("ari_spectral", ascending=False, kind="stable")
        best = [f"{row.label} {row.ari_spectral:.2f}" for row in known.head(4).itertuples()]
        said.append(
            f"Agreement with other divisions (adjusted Rand index): {tables.listed(best)}.".replace("-", "−")
        )
    return " ".join(said)
