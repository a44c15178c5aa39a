"""Settings of figures: what the section `figures` of a configuration may say about each."""

from typing import Annotated, Literal

from pydantic import Field

from kindred.config.base import (
    AttackName,
    Count,
    EachOnce,
    InversionName,
    ModelName,
    Pair,
    Settings,
    Share,
    allowed,
    unit,
)
from kindred.similarity.catalogue import LAYER_MEASURES

MOST_SHOWN = 5  # models in the gallery, unless asked for


class Plain(Settings, title="a figure without settings"):
    """A figure without settings of its own."""


class SimilarityFigure(Settings, title="a figure of similarity"):
    """Model x model similarity."""

    measure: Annotated[str, allowed("one of similarity.measures")] | None = Field(
        None, description="One of similarity.measures; null for the first."
    )
    inversion: InversionName | None = Field(
        None, description="The inversion whose images are compared with natural ones; null for the first."
    )
    unconverged: Annotated[Share, unit("share of images")] = Field(
        0.5, description="Share of an inverter's images that have not converged above which its row is hatched."
    )


class InversionFigure(Settings, title="a figure of an inversion"):
    """Something about one inversion."""

    inversion: InversionName | None = Field(None, description="The inversion that is shown; null for the first.")


class LayersFigure(Settings, title="figures.layers"):
    """Layer x layer similarity of pairs of models."""

    measure: Literal[tuple(LAYER_MEASURES)] | None = Field(  # type: ignore[valid-type]
        None, description="One of similarity.layer_measures; null for the first."
    )
    panels: Annotated[list[Pair], allowed("a list of at least one pair of models", min_length=1)] | None = Field(
        None, description="The pairs that are drawn; null for the first two models, each with itself and both together."
    )


class TransferFigure(Settings, title="figures.transfer"):
    """Attack success from model to model, and SAT."""

    attack: AttackName | None = Field(None, description="The attack that is shown; null for the first.")


class GalleryFigure(InversionFigure, title="figures.gallery"):
    """Inverted images beside their seeds and targets."""

    models: Annotated[list[ModelName], EachOnce, allowed("a list of at least one model", min_length=1)] | None = Field(
        None, description=f"The models that are shown; null for the first {MOST_SHOWN}."
    )
    examples: Count = Field(4, description="Number of images shown of each model.")
