"""Statistics of the claims of Jones et al. (2022); each is defined in docs/claims.md."""

import numpy as np

from kindred.analyses import jackknife
from kindred.claims.statistics import Groups, Statistic, Tables, groups, one_value, over_models, square

MEASURE = "cka_debiased"


def natural_overstates(tables: Tables) -> Statistic | None:
    """CKA of pairs of standard models on natural images less that on images inverted through one of them."""
    made = groups(tables["models"])
    if made is None:
        return None
    natural, _ = _cka(tables, made, inverted=False)
    inverted, images = _cka(tables, made, inverted=True)
    estimate = jackknife.mean(natural - inverted, made.both(made.standard, made.standard))
    return over_models(estimate, images, "natural and inverted images differ in number" if images is None else "")


def rises_with_budget(tables: Tables) -> Statistic | None:
    """CKA on inverted images, pairs of robust models less pairs of standard ones."""
    made = groups(tables["models"])
    if made is None:
        return None
    inverted, images = _cka(tables, made, inverted=True)
    robust, standard = (made.both(group, group) for group in (made.robust, made.standard))
    return over_models(jackknife.difference(inverted, robust, standard), images, f"robust: {made.budget}")


def one_sided(tables: Tables) -> Statistic | None:
    """CKA of standard models tested on images of robust ones less that of robust models tested on theirs."""
    made = groups(tables["models"])
    if made is None:
        return None
    inverted, images = _cka(tables, made, inverted=True)
    seen, unseen = made.both(made.robust, made.standard), made.both(made.standard, made.robust)
    return over_models(jackknife.difference(inverted, seen, unseen), images, f"robust: {made.budget}")


def gradients_align(tables: Tables) -> Statistic | None:
    """Cosine of input gradients, pairs of robust models less pairs of standard ones, by the first loss."""
    made = groups(tables["models"])
    if made is None:
        return None
    table = tables["gradients"]
    loss = "logit" if (table["loss"] == "logit").any() else table["loss"].iloc[0]
    table = table[table["loss"] == loss]
    cosines = square(table, "model_a", "model_b", "value", made.names, symmetric=True)
    robust, standard = (made.both(group, group) for group in (made.robust, made.standard))
    note = f"loss: {loss}; robust: {made.budget}"
    return over_models(jackknife.difference(cosines, robust, standard), one_value(table["n"]), note)


def stitching_agrees(tables: Tables) -> Statistic | None:
    """Agreement with the head on images that the body gets wrong, pairs of robust models less of standard ones.

    Over the three cases of wrong bodies, each image counting once; pairs of which the body has no mistake are left out.
    """
    made = groups(tables["models"])
    if made is None:
        return None
    table = tables["stitching"]
    table = table[table["case"].isin(["body_wrong_head_right", "both_wrong_same", "both_wrong_differ"])]
    counts = table.groupby(["body", "head"], sort=False)[["agreed", "n"]].sum().reset_index()
    counts["value"] = counts["agreed"] / counts["n"].where(counts["n"] > 0)
    rates = square(counts, "body", "head", "value", made.names, symmetric=False)
    robust, standard = (made.both(group, group) for group in (made.robust, made.standard))
    few = int(np.nanmin(counts["n"])) if len(counts) else 0
    note = f"as few as {few} images a pair; robust: {made.budget}"
    return over_models(jackknife.difference(rates, robust, standard), None, note)


def _cka(tables: Tables, made: Groups, inverted: bool) -> tuple[np.ndarray, int | None]:
    """Debiased CKA (m, m) on natural images, or on those of the first inversion, rows being inverters; and n."""
    table = tables["cka"]
    table = table[table["measure"] == MEASURE]
    seen = [name for name in table["stimuli"].unique() if name != "natural"]
    table = table[table["stimuli"] == (seen[0] if inverted and seen else "natural")]
    if inverted and not seen:
        return np.full((len(made.names),) * 2, np.nan), None
    return square(table, "model_a", "model_b", "value", made.names, symmetric=not inverted), one_value(table["n"])
