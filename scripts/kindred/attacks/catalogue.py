"""Attacks: the settings of each method, and the module that runs it.

The module of a method has `attack(settings)`, which gives a `perturbation.Attack`.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from kindred.config.base import Count, Eps, Images, Number, Precision, Seed, Settings, Share, mistake, unit

SPATIAL_HINT = (
    "is 'spatial', which is now a method of its own: method: spatial with shift (pixels), degrees and tries in place "
    "of norm, eps, degrees and steps."
)


def no_spatial(norm: Any) -> Any:
    """Refuses the earlier spelling of rotations and translations."""
    if norm == "spatial":
        raise mistake(SPATIAL_HINT)
    return norm


Norm = Annotated[Literal["linf", "l2", "jpeg"], BeforeValidator(no_spatial)]
Shift = Annotated[Number, unit("pixels", gt=0)]
Degrees = Annotated[Number, unit("degrees", ge=0, le=180)]
NORM = (
    "Norm of the ball: linf or l2 of the pixels, or jpeg, which is l2 of JPEG coefficients in quantisation steps "
    "(Kang et al. 2019)."
)
STRONGEST = "strongest"  # in place of an attack's name: every image is given the attack that fools the model, if any
NORMS = {"linf": "ℓ∞", "l2": "ℓ2", "jpeg": "JPEG", "spatial": "spatial"}  # as figures write them
EPS = (
    "Radius of the ball, pixels in [0, 1] and at most 1 in linf; for jpeg in quantisation steps. Fractions are numbers."
)


def demand_linf_within_1(norm: str | None, length: float | None, key: str = "eps") -> None:
    """Raises a mistake where a length in linf, the radius or a step, is larger than the range of the pixels."""
    if norm == "linf" and length and length > 1:
        hint = f"; {length:g}/255 is {length / 255:.4f}" if length <= 255 else ""
        raise mistake(f"is {length:g}, but must be at most 1 in linf (pixels in [0, 1]{hint}).", key)


class AttackSettings(Settings, title="an attack"):
    """Settings of every attack."""

    loss: Literal["cross_entropy", "margin"] = Field(
        "cross_entropy", description="What is made large: the cross-entropy, or the margin of the logits."
    )
    images: Images | None = Field(None, description="How many evaluation images are attacked; null for all of them.")
    seed: Seed = Field(0, description="Seed of the random starts.")


class _Ball(AttackSettings):
    """Attacks within a ball around each image."""

    norm: Norm = Field(description=NORM)
    eps: Eps = Field(description=EPS)
    steps: Count = Field(description="Number of steps.")
    random_start: bool = Field(True, description="Whether to begin at a random point of the ball.")
    restarts: Count = Field(
        1, description="Number of starts, of which each image keeps the best; more than one needs random_start."
    )
    diversity: Share = Field(
        0.0, description="Probability that a step sees the image randomly shrunk and padded (Xie et al. 2019)."
    )
    smallest: Annotated[Number, Field(gt=0, le=1)] = Field(
        0.9, description="Smallest share of its side that a shrunken image keeps."
    )
    precision: Precision = Field(
        "float32", description="Precision of the steps; success is always measured in float32."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        demand_linf_within_1(self.norm, self.eps)
        if self.restarts > 1 and not self.random_start:
            raise mistake(f"is {self.restarts}, but must be 1 where random_start is false.", "restarts")
        if self.norm == "jpeg" and self.diversity:
            raise mistake(f"is {self.diversity:g}, but must be left out where norm is jpeg.", "diversity")
        return self


class PgdAttack(_Ball, title="an attack"):
    """Projected gradient descent (Madry et al. 2018)."""

    method: Literal["pgd"] = Field("pgd", description="Projected gradient descent (Madry et al. 2018).")
    step_size: Annotated[Number, unit("pixels in [0, 1]", gt=0)] | None = Field(
        None, description="Length of a step in the units of eps; null for 2.5 eps / steps."
    )
    momentum: Share = Field(
        0.0, description="Share of the last direction that is kept in the next; 1 is MI-FGSM (Dong et al. 2018)."
    )

    @model_validator(mode="after")
    def _check_steps(self) -> Self:
        demand_linf_within_1(self.norm, self.step_size, "step_size")
        if self.norm == "jpeg" and self.momentum:
            raise mistake(f"is {self.momentum:g}, but must be left out where norm is jpeg.", "momentum")
        return self


class ApgdAttack(_Ball, title="an attack of method apgd"):
    """APGD, which chooses its step sizes itself (Croce and Hein 2020)."""

    method: Literal["apgd"] = Field(description="APGD, which chooses its step sizes itself (Croce and Hein 2020).")
    norm: Annotated[Literal["linf", "l2"], BeforeValidator(no_spatial)] = Field(
        description="Norm of the ball: linf or l2 of the pixels."
    )


class SpatialAttack(AttackSettings, title="an attack of method spatial"):
    """Rotations and translations, the worst of several (Engstrom et al. 2019)."""

    method: Literal["spatial"] = Field(description="Rotations and translations, the worst of several.")
    shift: Shift = Field(description="Largest translation along either axis.")
    degrees: Degrees = Field(0.0, description="Largest rotation in either direction.")
    tries: Count = Field(
        description="Number of random transformations that are tried on each image, or points of the grid along each "
        "of its three axes."
    )
    grid: bool = Field(False, description="Whether to try all points of a grid instead of random transformations.")


@dataclass(frozen=True)
class Method:
    """A method of attack; gradients: whether it needs them."""

    module: str
    label: str
    settings: type[AttackSettings]
    gradients: bool = True


METHODS = {
    "pgd": Method("kindred.attacks.pgd", "PGD", PgdAttack),
    "apgd": Method("kindred.attacks.apgd", "APGD", ApgdAttack),
    "spatial": Method("kindred.attacks.spatial", "rotations and translations", SpatialAttack, gradients=False),
}


def moves(settings: dict[str, Any]) -> bool:
    """Whether what an attack adds to the pixels of an image can be put on another and keeps its size there.

    Rotations and translations add nothing, and the size of a change of JPEG coefficients is none of pixels.
    """
    return settings.get("norm") in ("linf", "l2")


def budget(settings: dict[str, Any]) -> tuple[str, float]:
    """(norm, radius) of an attack or a training as tables show it; for rotations and translations the shift."""
    return ("spatial", settings["shift"]) if "shift" in settings else (settings["norm"], settings["eps"])
