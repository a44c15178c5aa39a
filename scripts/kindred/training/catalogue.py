"""Training methods: what each may be asked for, and the module that has its loss.

The module of a method has `loss(step)`, the loss of a `training.loop.Step`.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from kindred.attacks.catalogue import EPS, NORM, Degrees, Norm, Shift, budget, demand_linf_within_1
from kindred.config.base import Count, Number, Settings, Whole, mistake, unit


class TrainingSettings(Settings, title="a training"):
    """Settings of every training: AdamW with a one-cycle schedule."""

    epochs: Count = Field(description="Passes over the training images.")
    batch: Annotated[Whole, unit("images", ge=2)] = Field(64, description="Images per step.")
    lr: Annotated[Number, Field(gt=0, le=10)] = Field(
        0.002, description="Highest learning rate of the one-cycle schedule of AdamW."
    )
    weight_decay: Annotated[Number, Field(ge=0, le=10)] = Field(0.01, description="Weight decay of AdamW.")
    clip: Annotated[Number, Field(gt=0)] = Field(1.0, description="Largest L2 norm of a gradient.")


class StandardTraining(TrainingSettings, title="a training of method standard"):
    """Training on the images as they are."""

    method: Literal["standard"] = Field(description="Training on the images as they are.")


class _Adversarial(TrainingSettings):
    """Training with an adversary, whose budget may grow."""

    clean_epochs: Annotated[Whole, Field(ge=0)] = Field(0, description="Epochs at the start without an adversary.")
    ramp_epochs: Annotated[Whole, Field(ge=0)] = Field(
        0, description="Epochs after those in which the budget grows; at least one epoch must be left at full budget."
    )

    @model_validator(mode="after")
    def _check_epochs(self) -> Self:
        clean, rise, epochs = self.clean_epochs, self.ramp_epochs, self.epochs
        if clean + rise and clean + rise >= epochs:
            key = "ramp_epochs" if rise else "clean_epochs"
            raise mistake(
                f"is {rise or clean}, but of {epochs} epochs clean_epochs ({clean}) and ramp_epochs ({rise}) must "
                "leave at least one at full budget.",
                key,
            )
        return self


class _Ball(_Adversarial):
    """Training with an adversary within a ball around each image."""

    norm: Norm = Field(description=NORM)
    eps: Annotated[Number, unit("pixels in [0, 1]", gt=0)] = Field(description=EPS)
    step_size: Annotated[Number, unit("pixels in [0, 1]", gt=0)] | None = Field(
        None, description="Length of a step at full eps; null for 2.5 eps / steps, and for 1.25 eps of method fast."
    )

    @model_validator(mode="after")
    def _check_eps(self) -> Self:
        demand_linf_within_1(self.norm, self.eps)
        return self


class PgdTraining(_Ball, title="a training of method pgd"):
    """Adversarial training (Madry et al. 2018)."""

    method: Literal["pgd"] = Field(description="Adversarial training with PGD (Madry et al. 2018).")
    steps: Count = Field(description="Steps of the adversary.")


class FastTraining(_Ball, title="a training of method fast"):
    """Adversarial training with a single step from a random start (Wong et al. 2020)."""

    method: Literal["fast"] = Field(description="Adversarial training with a single step (Wong et al. 2020).")


class TradesTraining(PgdTraining, title="a training of method trades"):
    """Cross-entropy on the images, and the divergence of the outputs on perturbed ones (Zhang et al. 2019)."""

    method: Literal["trades"] = Field(description="TRADES (Zhang et al. 2019).")  # type: ignore[assignment]
    beta: Annotated[Number, Field(gt=0)] = Field(6.0, description="Weight of the divergence (1 / lambda of the paper).")


class SpatialTraining(_Adversarial, title="a training of method spatial"):
    """Training on the worst of several rotations and translations (Engstrom et al. 2019)."""

    method: Literal["spatial"] = Field(description="Training on the worst of several rotations and translations.")
    shift: Shift = Field(description="Largest translation along either axis.")
    degrees: Degrees = Field(0.0, description="Largest rotation in either direction.")
    tries: Count = Field(description="Number of random transformations that are tried on each image.")


@dataclass(frozen=True)
class Method:
    """A method of training."""

    module: str
    label: str
    settings: type[TrainingSettings]


METHODS = {
    "standard": Method("kindred.training.standard", "standard training", StandardTraining),
    "pgd": Method("kindred.training.pgd", "PGD training", PgdTraining),
    "fast": Method("kindred.training.fast", "fast adversarial training", FastTraining),
    "trades": Method("kindred.training.trades", "TRADES", TradesTraining),
    "spatial": Method("kindred.training.spatial", "training on rotations and translations", SpatialTraining),
}


def trained_against(recipe: dict[str, Any]) -> tuple[str | None, float]:
    """(norm, radius) of a recipe as tables show it; (None, 0) where there is no adversary."""
    return (None, 0.0) if recipe["method"] == "standard" else budget(recipe)
