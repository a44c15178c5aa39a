"""SAT of every pair of models, models of one group together (Hwang et al. 2024, the groups of its Fig. 1)."""

import numpy as np
from matplotlib.colors import Normalize

from kindred.analyses import scores
from kindred.analyses.scores import TOP
from kindred.figures.layout import heatmap, matrix, reading
from kindred.figures.layout.colours import TRANSFER, group_colour
from kindred.figures.layout.style import Captioned, Options, Style, Tables
from kindred.figures.layout.text import bounded, listed, plural, signed

MOST = 4  # divisions that the caption names


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """One heatmap, groups set apart, in each the models most like the rest first; the strip shows the group."""
    found = scores.of_table(tables["sat"], "the table of SAT", options["attack"])
    group = reading.groups(tables, found.models)
    own = np.array([group[name] for name in found.models])
    inside = (own[:, None] == own[None, :]) & ~np.eye(len(own), dtype=bool) & np.isfinite(found.sat)
    total = np.where(inside, found.sat, 0.0).sum(axis=1) / np.maximum(inside.sum(axis=1), 1)
    order = np.lexsort((-total, own))
    found, own = found.of([found.models[index] for index in order]), own[order]
    side = matrix.Side(found.models, tuple(map(str, own)), tuple(map(group_colour, own)))
    apart = reading.off_diagonal(found.sat)
    low, high = (np.floor(4 * apart.min()) / 4, np.ceil(4 * apart.max()) / 4) if len(apart) else (0.0, TOP)
    high = max(min(high, TOP), low + 0.25)
    extend = "max" if (reading.defined(found.sat) > high).any() else "neither"
    scale = matrix.Scale(TRANSFER, Normalize(low, high), "{:.1f}".format, "SAT", extend=extend)
    figure = heatmap.draw([matrix.Panel(found.sat, side, side, scale, "SAT by group")], style).page.figure
    attack = f" under {options['attack']}" if options["attack"] else ""
    text = (
        f"SAT of {plural(len(own), 'model')}{attack} (natural logarithm of the percentage of images fooled, "
        f"mean of both directions), in {plural(max(own), 'group')} by spectral clustering, the "
        "largest first; strips show the group. The colour scale spans pairs of different models: a model "
        "with itself (its white-box rate) may lie above."
    )
    first, second = found.pairs()
    pairs, same = found.sat[first, second], own[first] == own[second]
    inside, between = reading.defined(pairs[same]), reading.defined(pairs[~same])
    if len(inside) and len(between):
        text += (
            f" Mean SAT within groups {inside.mean():.3f}, between groups {between.mean():.3f}: groups are found from "
            "this same SAT, so some difference is there by construction."
        )
    known = tables["labels"][tables["labels"]["partition"] == "spectral"].dropna(subset=["value"])
    known = known.sort_values("value", ascending=False, kind="stable")
    if len(known):
        best = [
            f"{row['label'].replace('_', ' ')} {bounded(row)} (p {row['p']:.3f})"
            for row in known.head(MOST).to_dict("records")
        ]
        text += (
            f" Agreement with {len(known)} other divisions of the models, the best first (adjusted Rand index, 0 by "
            "chance; p by permuting labels; in brackets the middle 95 % over draws of images, all choices fixed): "
            f"{listed(best)}. Another affinity, attack or number of groups may give other groups: see sensitivity."
        )
    return figure, signed(text)
