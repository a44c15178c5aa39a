"""The claims: of which paper each is, the tables that its statistic needs, and the sign that supports it.

The module of a paper has a function for each of its claims, of the tables by their names, which gives a `Statistic`, or
None where the study has no models to compute it from. docs/claims.md defines every statistic.
"""

from dataclasses import dataclass

JONES, CIANFARANI, HWANG = "Jones et al. 2022", "Cianfarani et al. 2022", "Hwang et al. 2024"
MODULES = {
    JONES: "kindred.claims.jones2022",
    CIANFARANI: "kindred.claims.cianfarani2022",
    HWANG: "kindred.claims.hwang2024",
}


@dataclass(frozen=True)
class Claim:
    """A claim in words, its statistic in a few, the tables it comes from, and the sign that supports it."""

    paper: str
    text: str
    statistic: str
    tables: tuple[str, ...]
    sign: int = 1


CLAIMS = {
    "natural_overstates": Claim(
        JONES,
        "natural images overstate how alike standard models are",
        "CKA of standard models on natural less on inverted images",
        ("models", "cka"),
    ),
    "rises_with_budget": Claim(
        JONES,
        "similarity on inverted images rises with the budget",
        "CKA on inverted images, robust less standard models",
        ("models", "cka"),
    ),
    "one_sided": Claim(
        JONES,
        "robust features are seen by standard models, not the reverse",
        "CKA, standard models on images of robust ones less the reverse",
        ("models", "cka"),
    ),
    "gradients_align": Claim(
        JONES,
        "input gradients of robust models align",
        "cosine of input gradients, robust less standard models",
        ("models", "gradients"),
    ),
    "stitching_agrees": Claim(
        JONES,
        "stitched robust models agree more where the body errs",
        "agreement where the body is wrong, robust less standard models",
        ("models", "stitching"),
    ),
    "long_range": Claim(
        CIANFARANI,
        "block structure weakens: distant layers of robust models are alike",
        "CKA of the first with the last half of layers, robust less standard models",
        ("models", "layers"),
    ),
    "kept_under_attack": Claim(
        CIANFARANI,
        "robust models keep their layers under attack",
        "CKA of natural with adversarial images, robust less standard models",
        ("cianfarani/models", "cianfarani/benign"),
    ),
    "overfitting_is_deep": Claim(
        CIANFARANI,
        "robust overfitting sits in deep layers",
        "CKA of the best with the last epoch, first less last third of layers",
        ("cianfarani/models", "cianfarani/epochs", "cianfarani/curves"),
    ),
    "threats_differ": Claim(
        CIANFARANI,
        "models robust to different threats differ",
        "CKA of layers at one depth, one threat model less different ones",
        ("cianfarani/models", "cianfarani/series"),
    ),
    "within_architectures": Claim(
        HWANG,
        "attacks transfer within architectures",
        "SAT of one architecture less of different ones",
        ("models", "sat"),
    ),
    "predicts_gain": Claim(
        HWANG,
        "SAT predicts what ensembles gain",
        "correlation of SAT with the gain of pairs, their headroom held fixed",
        ("ensemble_gains",),
        sign=-1,
    ),
    "distant_teachers": Claim(
        HWANG,
        "teachers far in SAT teach more",
        "correlation of SAT with the gain from a teacher",
        ("distillation_summary",),
        sign=-1,
    ),
    "components": Claim(
        HWANG,
        "components explain SAT",
        "R2 of SAT of new models from their components",
        ("regression",),
    ),
}
