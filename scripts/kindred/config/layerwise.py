"""The section `layerwise`: layers compared with layers, made by `snakemake cianfarani2022`."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, Tag, ValidationInfo, model_validator

from kindred.config.base import (
    WORD_OR_LIST,
    AttackName,
    AttackNames,
    Count,
    EachOnce,
    Images,
    LayerList,
    ModelName,
    ModelNames,
    Pairs,
    Part,
    Settings,
    Whole,
    allowed,
    known_name,
    mistake,
    unit,
)
from kindred.config.messages import listed, shown
from kindred.config.sections import LayerMeasure
from kindred.config.unions import Attack, Model, Named
from kindred.similarity.catalogue import LAYER_MEASURES

IMAGE_SETS = ("natural", "training")


def _stimuli(name: str, info: ValidationInfo) -> str:
    if name not in IMAGE_SETS:
        attack, at, model = name.partition("@")
        if not at:
            raise mistake(f"is {shown(name)}, but must be natural, training, or the adversarial images attack@model.")
        known_name(attack, "an attack", info)
        known_name(model, "a model", info)
    return name


Stimuli = Annotated[
    str, AfterValidator(_stimuli), allowed("natural, training, or the adversarial images attack@model", min_length=1)
]


class Panel(Settings, title="a panel"):
    """Layers of one model (rows) against layers of another or of the same (columns)."""

    rows: ModelName = Field(description="The model of the rows.")
    columns: ModelName = Field(description="The model of the columns.")
    row_images: Stimuli = Field("natural", description="Images of the rows: natural, training or attack@model.")
    column_images: Stimuli = Field("natural", description="Images of the columns: natural, training or attack@model.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.row_images == "training") != (self.column_images == "training"):
            raise mistake("shows training images to one model and others to the other, but must show both the same.")
        return self


class Benign(Settings, title="layerwise.benign"):
    """Activations on natural images against those on adversarial versions of them, layer by layer."""

    models: ModelNames = Field(description="The models.")
    attacks: AttackNames = Field(description="The attacks; those of one norm make a curve.")


class Epochs(Settings, title="layerwise.epochs"):
    """Layers over training, for models that are trained here."""

    models: ModelNames = Field(description="The models.")
    at: Annotated[
        list[Annotated[Whole, unit("epochs", ge=0)]],
        EachOnce,
        allowed("a list of at least one whole number", min_length=1),
    ] = Field(description="Epochs after which weights are kept, beside the last; 0 is before training.")
    attack: AttackName | None = Field(
        None, description="The attack under which accuracy is measured as well; null for none."
    )
    images: Images | None = Field(
        None, description="Images of each kind that accuracy is measured on; null for as many as are compared."
    )


class Series(Settings, title="a series"):
    """Models side by side."""

    models: ModelNames = Field(description="The models in order; the others are compared with the first.")
    attacks: Annotated[list[AttackName], EachOnce, allowed("a list of attacks")] = Field(
        [], description="Attacks under which their accuracy is measured."
    )


PanelLayers = Annotated[
    Annotated[
        Literal["penultimate", "blocks", "all", "paper"],
        allowed("penultimate, blocks, all, paper, or a list of layer names"),
        Tag("<one>"),
    ]
    | Annotated[LayerList, Tag("<list>")],
    WORD_OR_LIST,
]


class Layerwise(Settings, title="layerwise"):
    """What `snakemake cianfarani2022` makes: layers of models compared with each other."""

    models: Named[Model] = Field({}, description="Further models, as under models, that only this target makes.")
    attacks: Named[Attack] = Field(
        {}, description="Further attacks, as under attacks, on the models that this section names."
    )
    images: Images | None = Field(
        None, description="Number of evaluation images, and of training images where those are shown; null for all."
    )
    layers: PanelLayers = Field(
        "all",
        description="Which layers: all, blocks, a list as in activations.layers, or paper, the list of Cianfarani et "
        "al. (convolutions, batch norms, ReLUs, average pools and linear maps in the order of modules), captured as "
        "their code does, without a copy, so that layers changed in place show what came after.",
    )
    fraction: Part = Field(
        1.0, description="Share of the layers that is taken, evenly spaced, the first and the last included."
    )
    pooled: bool = Field(
        False, description="Whether feature maps and tokens are averaged over spatial positions rather than flattened."
    )
    measure: LayerMeasure = Field(
        "cka_debiased", description="The measure of all figures; the paper uses cka_minibatch."
    )
    estimators: Annotated[list[LayerMeasure], EachOnce, allowed(f"a list of {listed(LAYER_MEASURES)}")] = Field(
        [], description="Other measures for comparison with it, on the panels of natural images."
    )
    panels: Annotated[list[Panel], allowed("a list of panels, each a map with rows and columns")] = Field(
        [], description="Pairs of models whose layers are all compared."
    )
    published: bool = Field(
        False,
        description="Whether panels on natural images stand beside the numbers of the paper's repository (WRN-28-4, "
        "CIFAR-10): the first a standard model with itself, the second a robust one, the third both.",
    )
    benign: Benign | None = Field(
        None, description="Natural against adversarial images, layer by layer; null for none."
    )
    epochs: Epochs | None = Field(None, description="Layers over training; null for none.")
    series: Named[Series] = Field(
        {}, description="Models side by side, by name: threat models, methods of training, widths, depths."
    )
    alignments: Pairs = Field(
        [],
        description="Pairs of models of one architecture whose corresponding layers are compared by CCA, SVCCA, PWCCA "
        "and Procrustes as well.",
    )
    directions: Count = Field(20, description="Principal directions of each layer that SVCCA keeps.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.measure in self.estimators:
            raise mistake(f"holds '{self.measure}', which is layerwise.measure, but must hold others.", "estimators")
        natural = [panel for panel in self.panels if panel.row_images == panel.column_images == "natural"]
        if self.published and len(natural) < 3:
            raise mistake("is true, but needs three panels on natural images: standard, robust, and both.", "published")
        return self
