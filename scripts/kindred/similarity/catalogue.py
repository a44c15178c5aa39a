"""Measures of similarity: which module computes each, and the facts that figures state.

The module of a measure has `compare(names, features, pairs, settings)`, which gives value, interval and null level of
each pair for all of its measures that are asked for at once, so that measures share what they have in common; a module
of layer measures also has `layers(...)`. A user's own measure is `path/to/file.py:function`.
"""

import re
from dataclasses import dataclass

CKA = "kindred.similarity.cka_measures"
OWN = "kindred.similarity.own_measures"
OWN_PATTERN = re.compile(r"^(?P<file>.+\.py):(?P<function>[A-Za-z_]\w*)$")


@dataclass(frozen=True)
class Measure:
    """A measure of two (n, p) arrays of features of the same n images.

    layers: whether layers of one tile are compared by it as well. between: what is compared on inverted images, the
    inverter's features with the tested model's ('models'), or the tested model's own on inverted images and on their
    natural targets ('images', which natural images do not have). minibatches: whether images are dealt into batches.
    stratified: whether it is another estimator where images are drawn class by class (`strata.py`).
    debiased: whether it is 0 in expectation where images are paired at random, with the variance of debiased CKA.
    uses: the keys of the section `similarity` that it depends on beside measures. span: its smallest and largest value.
    """

    module: str
    label: str
    source: str
    layers: bool = True
    between: str = "models"
    uses: tuple[str, ...] = ()
    minibatches: bool = False
    stratified: bool = False
    debiased: bool = False
    span: tuple[float, float] = (0.0, 1.0)


GRAMS = ("precision",)
HSIC = "Kornblith et al. 2019, with the unbiased HSIC of Song et al. 2012"
MEASURES = {
    "cka_debiased": Measure(CKA, "debiased linear CKA", HSIC, uses=GRAMS, stratified=True, debiased=True),
    "cka_biased": Measure(CKA, "biased linear CKA", "Kornblith et al. 2019", uses=GRAMS),
    "cka_minibatch": Measure(
        CKA, "minibatch linear CKA", "Nguyen et al. 2021", uses=(*GRAMS, "minibatch"), minibatches=True
    ),
    "cka_rbf": Measure(CKA, "RBF-kernel CKA", HSIC, uses=(*GRAMS, "bandwidth"), stratified=True, debiased=True),
    "stir": Measure(
        CKA, "debiased STIR", "Nanda et al. 2022, debiased", layers=False, between="images", uses=GRAMS, stratified=True
    ),
    "stir_biased": Measure(CKA, "biased STIR", "Nanda et al. 2022", layers=False, between="images", uses=GRAMS),
}
LAYER_MEASURES = {name: one for name, one in MEASURES.items() if one.layers}


def measure(name: str) -> Measure:
    """The measure of this name, or a user's own one; raises KeyError for anything else."""
    if found := OWN_PATTERN.match(name):
        return Measure(OWN, found["function"], found["file"], layers=False, span=(float("nan"),) * 2)
    return MEASURES[name]
