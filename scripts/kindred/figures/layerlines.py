"""Figures of values along the depth of networks: components, benign against adversarial, over training, measures."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from kindred.figures import depth, style, tables

SETS = {"natural": "held-out images", "training": "training images"}
SHORT = {"natural": "held out", "training": "training"}
MEASURES = {
    "cka_debiased": "CKA, debiased",
    "cca": "CCA",
    "svcca": "SVCCA",
    "pwcca": "PWCCA",
    "procrustes": "Procrustes",
}


def draw_principal(
    table: pd.DataFrame, *, dpi: int = style.DPI, font_size: float = style.FONT_SIZE
) -> Figure:
    """The share of each layer's variance along its first principal component. table: principal.csv."""
    tables.require(table, ["model", "seen", "depth", "share"], "principal.csv")
    panels = []
    for title, rows in (
        ("Natural images", table[table["seen"] == "natural"]),
        ("Other images", table[table["seen"] != "natural"]),
    ):
        lines = [
            depth.Line(_observed(str(model), str(seen)), part["depth"], part["share"], {})
            for (model, seen), part in rows.groupby(["model", "seen"], sort=False)
        ]
        if lines:
            panels.append((title, lines))
    drawn, place = [], 0
    for title, lines in panels:
        coloured = []
        for line in lines:
            coloured.append(depth.Line(line.label, line.x, line.y, depth.hue(place)))
            place += 1
        drawn.append(depth.Panel(title, coloured, "share of variance"))
    return depth.draw(drawn, columns=len(drawn), dpi=dpi, font_size=font_size)


def _observed(model: str, seen: str) -> str:
    if seen == "natural":
        return model
    made_by, found, owner = seen.partition("@")
    return f"{model}, {f'own {made_by}' if owner == model else f'{made_by} of {owner}' if found else seen}"


def principal_caption(table: pd.DataFrame) -> str:
    """What the figure shows, with the mean of each model."""
    rows = table[table["seen"] == "natural"]
    means = [f"{model} {part['share'].mean():.3f}" for model, part in rows.groupby("model", sort=False)]
    return (
        f"Share of a layer's variance over images (n = {tables.counted(table['n'])}) that lies along its "
        "first principal component. Where it is large, linear CKA of two layers is decided by that one "
        "direction, which is what makes blocks of alike layers (Nguyen et al. 2021). Mean over layers, natural "
        f"images: {'; '.join(means)}."
    )


def draw_benign(table: pd.DataFrame, *, dpi: int = style.DPI, font_size: float = style.FONT_SIZE) -> Figure:
    """A panel for each model, a line for each attack, darker for larger budgets. table: benign.csv."""
    tables.require(table, ["model", "attack", "norm", "eps", "depth", "value"], "benign.csv")
    attacks = table[["attack", "norm", "eps"]].drop_duplicates().sort_values(["norm", "eps"])
    looks = {}
    ramps = {"linf": ("#cdb3dc", "#55257c"), "l2": ("#c0d596", "#3a6520")}
    for norm, part in attacks.groupby("norm", sort=False):
        for place, name in enumerate(part["attack"]):
            looks[name] = depth.shade(place, len(part), ramps.get(str(norm), ("#e3bda9", "#7d3a20")))
    labels = _attacks(attacks)
    panels = []
    for model, rows in table.groupby("model", sort=False):
        lines = [
            depth.Line(
                labels[name],
                rows.loc[rows["attack"] == name, "depth"],
                rows.loc[rows["attack"] == name, "value"],
                looks[name],
            )
            for name in attacks["attack"]
        ]
        panels.append(depth.Panel(str(model), lines, "CKA, natural × attacked"))
    return depth.draw(panels, columns=min(4, len(panels)), dpi=dpi, font_size=font_size)


def _attacks(attacks: pd.DataFrame) -> dict[str, str]:
    """Attacks by norm and radius where these tell them apart, else by name."""
    said = [
        f"{tables.norm_name(str(norm))} {tables.radius(eps)}"
        for norm, eps in zip(attacks["norm"], attacks["eps"], strict=True)
    ]
    told = said if len(set(said)) == len(said) else list(attacks["attack"])
    return dict(zip(attacks["attack"], told, strict=True))


def benign_caption(table: pd.DataFrame, accuracy: pd.DataFrame) -> str:
    """What the figure shows, with the mean over layers and the accuracy under each attack."""
    attacks = table[["attack", "norm", "eps"]].drop_duplicates().sort_values(["norm", "eps"])
    labels = _attacks(attacks)
    right = accuracy.set_index(["model", "attack"])["accuracy"]
    parts = []
    for model, rows in table.groupby("model", sort=False):
        said = []
        for name in attacks["attack"]:
            mean = rows.loc[rows["attack"] == name, "value"].mean()
            said.append(f"{labels[name]} {mean:.2f} ({right.get((model, name), np.nan):.2f})")
        parts.append(f"{model} {', '.join(said)}")
    measure = str(table["measure"].iloc[0])
    return (
        f"Similarity ({tables.MEASURES.get(measure, measure)}, n = {tables.counted(table['n'])}) of what "
        "each layer says to natural images with what the same layer says to the versions of them that were "
        "made to fool this model. Mean over layers, and in brackets the accuracy under that attack: "
        f"{'; '.join(parts)}."
    )


def draw_epochs(table: pd.DataFrame, *, dpi: int = style.DPI, font_size: float = style.FONT_SIZE) -> Figure:
    """Above, each layer against itself at the end of training; below, against the epoch kept before.

    A column for each model and kind of images, a line for each epoch, light to dark. table: epochs.csv.
    """
    tables.require(table, ["model", "images", "epoch", "depth", "to_last", "to_previous"], "epochs.csv")
    groups = list(table.groupby(["model", "images"], sort=False))
    epochs = sorted(table["epoch"].unique())
    panels = []
    for column, up in (("to_last", "CKA with the last epoch"), ("to_previous", "CKA with the epoch before")):
        for (model, seen), rows in groups:
            lines = []
            for place, epoch in enumerate(epochs):
                part = rows[(rows["epoch"] == epoch) & rows[column].notna()]
                if len(part) and not (column == "to_last" and epoch == rows["epoch"].max()):
                    look = depth.shade(place, len(epochs))
                    lines.append(depth.Line(f"epoch {epoch}", part["depth"], part[column], look))
            panels.append(depth.Panel(f"{model}, {SHORT.get(str(seen), str(seen))}", lines, up))
    return depth.draw(panels, columns=len(groups), dpi=dpi, font_size=font_size)


def epochs_caption(table: pd.DataFrame) -> str:
    """What the figure shows, with how far early and deep layers are at the epoch kept last but one."""
    parts = []
    for (model, seen), rows in table.groupby(["model", "images"], sort=False):
        before = sorted(rows["epoch"].unique())[-2]
        late = rows[rows["epoch"] == before]
        first, second = (
            late.loc[half, "to_last"].mean() for half in (late["depth"] < 0.5, late["depth"] >= 0.5)
        )
        parts.append(
            f"{model} on {SETS.get(str(seen), str(seen))} (epoch {before}) {first:.3f}, {second:.3f}"
        )
    measure = str(table["measure"].iloc[0])
    return (
        f"Similarity ({tables.MEASURES.get(measure, measure)}, n = {tables.counted(table['n'])}) of each "
        "layer with itself at the end of training (above) and at the epoch kept before (below; between "
        "epochs that are unevenly far apart), lines from light to dark over training, epoch 0 being the "
        "random weights. With the last epoch, mean over the first and the second half of the layers: "
        f"{'; '.join(parts)}."
    )


def draw_curves(
    epochs: pd.DataFrame, curves: pd.DataFrame, *, dpi: int = style.DPI, font_size: float = style.FONT_SIZE
) -> Figure:
    """Over epochs: for each model accuracy (above), and similarity to the last epoch in the first, middle and last
    third of the layers (below). epochs: epochs.csv; curves: curves.csv."""
    tables.require(curves, ["model", "epoch", "images", "attack", "accuracy"], "curves.csv")
    above, below = [], []
    for model, rows in curves.groupby("model", sort=False):
        lines = []
        look: dict[str, object]
        for (seen, attack), part in rows.assign(attack=rows["attack"].fillna("")).groupby(
            ["images", "attack"], sort=False
        ):
            look = {
                "color": "#a6a6a1" if not attack else "#55257c",
                "linestyle": "-" if seen == "natural" else (0, (4, 1.5)),
                "marker": "o",
                "markersize": 2,
            }
            what = "clean" if not attack else str(attack)
            label = f"accuracy, {what}, {SETS.get(str(seen), str(seen))}"
            lines.append(depth.Line(label, part["epoch"], part["accuracy"], look))
        above.append(depth.Panel(str(model), lines, "accuracy", "epoch"))
        third = []
        own = epochs[epochs["model"] == model]
        for seen, part in own.groupby("images", sort=False):
            for place, (name, low, high) in enumerate(
                (("first", 0, 1 / 3), ("middle", 1 / 3, 2 / 3), ("last", 2 / 3, 1.01))
            ):
                some = (
                    part[(part["depth"] >= low) & (part["depth"] < high)].groupby("epoch")["to_last"].mean()
                )
                look = depth.shade(place, 3)
                look["linestyle"] = "-" if seen == "natural" else (0, (4, 1.5))
                label = f"{name} third of layers, {SETS.get(str(seen), str(seen))}"
                third.append(depth.Line(label, some.index.to_numpy(), some.to_numpy(), look))
        below.append(depth.Panel("", third, "CKA with the last epoch", "epoch"))
    return depth.draw([*above, *below], columns=len(above), dpi=dpi, font_size=font_size)


def curves_caption(curves: pd.DataFrame) -> str:
    """What the figure shows, with how far accuracy on training images lies above that on held-out ones at the end."""
    parts = []
    for (model, attack), rows in curves.assign(attack=curves["attack"].fillna("")).groupby(
        ["model", "attack"], sort=False
    ):
        end = rows[rows["epoch"] == rows["epoch"].max()].set_index("images")["accuracy"]
        best = rows[rows["images"] == "natural"].set_index("epoch")["accuracy"]
        what = f"under {attack}" if attack else "clean"
        gap = 100 * (end["training"] - end["natural"])
        parts.append(
            f"{model} {what} {gap:.1f} points, held out at best {best.max():.3f} (epoch {best.idxmax()}), at the end "
            f"{end['natural']:.3f}"
        )
    return (
        f"Accuracy over training on images that the model learned from and on held-out ones (n = "
        f"{tables.counted(curves['n'])} each), and below how like the end its layers are. Overfitting shows as a gap "
        f"between training and held-out accuracy that grows: {'; '.join(parts)}. Attacks are made on the "
        "model as it is at each epoch."
    )


def draw_alignments(
    table: pd.DataFrame, *, dpi: int = style.DPI, font_size: float = style.FONT_SIZE
) -> Figure:
    """A panel for each pair of models, a line for each measure. table: alignments.csv."""
    tables.require(table, ["model_a", "model_b", "place", "measure", "value"], "alignments.csv")
    panels = []
    for (a, b), rows in table.groupby(["model_a", "model_b"], sort=False):
        last = max(1, int(rows["place"].max()))
        lines = [
            depth.Line(MEASURES.get(name, name), part["place"] / last, part["value"], depth.hue(place))
            for place, (name, part) in enumerate(
                (name, rows[rows["measure"] == name]) for name in tables.present(table, "measure")
            )
        ]
        panels.append(depth.Panel(f"{a} × {b}", lines, "similarity"))
    return depth.draw(panels, columns=min(3, len(panels)), dpi=dpi, font_size=font_size)


def alignments_caption(table: pd.DataFrame) -> str:
    """What the figure shows, and where CCA cannot say anything."""
    n = int(table["n"].iloc[0])
    full = table[(table["measure"] == "cca") & (table[["rank_a", "rank_b"]].max(axis=1) >= n - 1)]
    many = len(table[table["measure"] == "cca"])
    return (
        f"Corresponding layers of two models of one architecture on the same natural images (n = {n}), by "
        "other measures. A rotation or a scale of a layer changes none of them, and an invertible linear map "
        "does not change CCA, nor on the side of the second model PWCCA; SVCCA keeps the first principal "
        "directions of each side. CCA and PWCCA are 1 whatever is compared where one of the layers has as "
        f"many directions as there are images, which holds for {len(full)} of {many} layers here."
    )


def draw_estimators(
    panels: pd.DataFrame,
    estimators: pd.DataFrame,
    *,
    dpi: int = style.DPI,
    font_size: float = style.FONT_SIZE,
) -> Figure:
    """Every cell of every panel: another measure minus the chosen one, against the chosen one; a panel each."""
    tables.require(estimators, ["panel", "measure", "against"], "estimators.csv")
    against = str(estimators["against"].iloc[0])
    keys = ["panel", "place_a", "place_b"]
    reference = panels[panels["measure"] == against].set_index(keys)["value"]
    drawn = []
    for other in tables.present(estimators, "measure"):
        values = panels[panels["measure"] == other].set_index(keys)["value"]
        lines = []
        for place, panel in enumerate(sorted(estimators["panel"].unique())):
            x = reference.loc[panel]
            gap = values.loc[panel].reindex(x.index) - x
            about = panels[panels["panel"] == panel].iloc[0]
            a, b = (_observed(str(about[f"model_{side}"]), str(about[f"seen_{side}"])) for side in ("a", "b"))
            look = {**depth.hue(place), "marker": "o", "markersize": 1.5, "linestyle": "none", "alpha": 0.6}
            look["markeredgewidth"] = 0
            lines.append(depth.Line(a if a == b else f"{a} × {b}", x, gap, look))
        title = tables.MEASURES.get(other, other)
        along = tables.MEASURES.get(against, against)
        drawn.append(depth.Panel(title, lines, "difference", along, low=-0.01, high=0.01))
    return depth.draw(drawn, columns=len(drawn), shared=False, left=0.62, dpi=dpi, font_size=font_size)


def estimators_caption(estimators: pd.DataFrame) -> str:
    """What the figure shows, with the largest and the mean difference of each measure."""
    parts = []
    for name, rows in estimators.groupby("measure", sort=False):
        worst, mean = rows["largest_absolute_difference"].max(), rows["mean_absolute_difference"].mean()
        parts.append(
            f"{tables.MEASURES.get(str(name), str(name))} {mean:.4f} on average, {worst:.4f} at most"
        )
    against = str(estimators["against"].iloc[0])
    return (
        f"How far other estimators lie from {tables.MEASURES.get(against, against)} on the same cells of "
        f"layers against layers (n = {tables.counted(estimators['n'])}): {'; '.join(parts)}."
    )
