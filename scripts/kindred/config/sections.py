"""Sections of the configuration that are of no family: inversions, activations, similarity and other comparisons."""

import re
from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, Tag, model_validator

from kindred.config.base import (
    WORD_OR_LIST,
    Count,
    EachOnce,
    Images,
    InversionName,
    Layers,
    Number,
    Pairs,
    Precision,
    Seed,
    Settings,
    Whole,
    allowed,
    mistake,
    unit,
)
from kindred.config.messages import listed, nearest, shown
from kindred.similarity.catalogue import LAYER_MEASURES, MEASURES, OWN_PATTERN


def _one_of(names: Iterable[str], pattern: re.Pattern[str] | None = None, form: str = "") -> AfterValidator:
    """A name that is among these, or of this pattern, whose form is for messages."""

    def known(name: str) -> str:
        if name in names or (pattern and pattern.match(name)):
            return name
        meant = nearest(name, names)
        end = f"; did you mean {meant}?" if meant else "."
        raise mistake(f"is {shown(name)}, but must be {listed(names, 'or')}{form}{end}")

    return AfterValidator(known)


OWN = "path/to/file.py:function"
MeasureName = Annotated[str, _one_of(MEASURES, OWN_PATTERN, f", or {OWN}"), allowed(listed([*MEASURES, OWN], "or"))]
LayerMeasure = Annotated[str, _one_of(LAYER_MEASURES), allowed(listed(LAYER_MEASURES, "or"))]
LayerMeasures = Annotated[
    list[LayerMeasure], EachOnce, allowed(f"a list of at least one of {listed(LAYER_MEASURES)}", min_length=1)
]


class Inversion(Settings, title="an inversion"):
    """An inversion of representations (Jones et al. 2022)."""

    steps: Count = Field(2000, description="Number of steps.")
    step_size: Annotated[Number, unit("pixels in [0, 1]", gt=0)] = Field(0.125, description="L2 length of a step.")
    momentum: Annotated[Number, Field(ge=0, lt=1)] = Field(
        0.9, description="Share of the last direction that is kept in the next."
    )
    images: Images | None = Field(
        None, description="How many evaluation images are targets (at least 5 to compare them); null for all of them."
    )
    pairings: Count = Field(
        1,
        description="How often every target is inverted, each time from another seed image; cka.csv has the mean over "
        "pairings and its spread.",
    )
    seed: Seed = Field(
        0,
        description="Seed of the pairing of targets with seed images, which are of another class and no targets: other "
        "evaluation images, and training images where these are too few.",
    )
    chunk: Annotated[Whole, unit("images", ge=1)] = Field(
        64, description="Images that are inverted at once; a run that is cut off loses at most these."
    )
    converged: Annotated[Number, unit("share of the length of the target's representation", gt=0)] = Field(
        0.1, description="Largest relative residual of an image that counts as converged."
    )
    leave_out: bool = Field(
        False,
        description="Whether images that have not converged are left out of comparisons; cka.csv has the number left.",
    )
    precision: Precision = Field(
        "float32",
        description="Precision of the steps. With bfloat16 the last tenth of them and the choice of the best iterate "
        "are float32 all the same, and residuals still end about a tenth larger after 400 steps.",
    )


class Activations(Settings, title="activations"):
    """Which activations are kept."""

    layers: Layers = Field(
        ["blocks", "penultimate"],
        description="Layers of every model, unless its own entry has others: penultimate (the input of the "
        "classifier), blocks, all, or a list of these and layer names. Penultimate always belongs to them.",
    )


class Minibatch(Settings, title="similarity.minibatch"):
    """Settings of cka_minibatch."""

    size: Annotated[Whole, unit("images", ge=4)] = Field(100, description="Images per batch.")
    passes: Count = Field(3, description="Passes over all images, each in another order.")
    seed: Seed = Field(0, description="Seed of the order.")


LayerPairs = Annotated[
    Annotated[Literal["all"], allowed("all or a list of pairs of models"), Tag("<one>")]
    | Annotated[Pairs, Tag("<list>")],
    WORD_OR_LIST,
]


class Similarity(Settings, title="similarity"):
    """How representations are compared."""

    measures: Annotated[
        list[MeasureName], EachOnce, allowed(f"a list of at least one of {listed(MEASURES)}", min_length=1)
    ] = Field(
        ["cka_debiased"],
        description="Measures of model x model. stir and stir_biased need inverted images (Nanda et al. 2022). A "
        "measure of your own is path/to/file.py:function of two arrays (n, p) and (n, q).",
    )
    layer_measures: LayerMeasures = Field(["cka_debiased"], description="Measures of layer x layer.")
    minibatch: Minibatch = Field(Minibatch(), description="Settings of cka_minibatch.")
    precision: Precision = Field(
        "float32",
        description="Precision of Gram matrices; bfloat16 rounds features (to TF32 on a GPU), which changes CKA by up "
        "to 2e-4.",
    )
    bandwidth: Annotated[Number, unit("share of the median distance", gt=0)] = Field(
        0.5, description="Width of the kernel of cka_rbf."
    )
    layer_pairs: LayerPairs = Field(
        "all",
        description="Pairs of models compared layer by layer: all, or a list in which the order within a pair does not "
        "matter; a model may be paired with itself. Pairs of figures.layers are compared anyway.",
    )
    permutations: Annotated[Whole, unit("permutations", ge=0)] = Field(
        199,
        description="Random pairings of natural images that give p of measures without a test in closed form; each "
        "costs about as much as the comparison itself. 0 for none.",
    )
    groups: Count = Field(
        2, description="Number of groups that models are dealt into; one job compares the models of two groups."
    )
    external: Annotated[str, allowed("the path of a CSV file", min_length=1)] | None = Field(
        None,
        description="CSV of SAT made elsewhere, tidy (model_a, model_b, sat) or square with names in its first row and "
        "column, each model with itself included; `snakemake hwang2024` analyses it in place of the study's own and "
        "runs no model.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if all(name in MEASURES and MEASURES[name].between == "images" for name in self.measures):
            raise mistake(
                f"is {shown(self.measures)}, but must also hold a measure of natural images, such as cka_debiased.",
                "measures",
            )
        if self.layer_pairs != "all":
            pairs = [sorted(pair) for pair in self.layer_pairs]
            for place, pair in enumerate(pairs):
                if pair in pairs[:place]:
                    raise mistake(
                        f"holds {shown(self.layer_pairs[place])} twice, but must hold each pair once.", "layer_pairs"
                    )
        return self


Loss = Literal["logit", "cross_entropy"]


class Gradients(Settings, title="gradients"):
    """Cosine between the input gradients of two models on the same images."""

    images: Images | None = Field(None, description="How many evaluation images are shown; null for all of them.")
    losses: Annotated[
        list[Loss], EachOnce, allowed("a list of at least one of logit and cross_entropy", min_length=1)
    ] = Field(
        ["logit", "cross_entropy"],
        description="What is differentiated: the logit of the true class, or the cross-entropy.",
    )


class Stitching(Settings, title="stitching"):
    """One model's representation given to another's head by least squares."""

    images: Images | None = Field(
        None,
        description="How many training images, taken evenly through the set, the map is fitted on; null for "
        "all of them.",
    )


class Published(Settings, title="published"):
    """Comparison with the numbers of Jones et al. 2022 (studies/reference)."""

    architectures: dict[
        str,
        Literal[
            "DenseNet", "MobileNet", "ResNeXt50", "ResNet18", "ResNet50", "ShuffleNet", "VGG16", "WRN50-2", "WRN50-4"
        ],
    ] = Field(
        {},
        description="The paper's name of each architecture that it has, by the study's name; of its models those with "
        "standard or l2 training are compared.",
    )
    inversion: InversionName = Field(description="The inversion that is compared.")
    measure: MeasureName = Field("cka_biased", description="One of similarity.measures; the paper uses cka_biased.")
    loss: Loss = Field("logit", description="One of gradients.losses; the paper does not say which.")


class Transfer(Settings, title="transfer"):
    """How adversarial images transfer between models."""

    floor: Annotated[Number, unit("percent", gt=0, lt=100)] = Field(
        0.01, description="Percent of images fooled below which SAT does not fall (eps_s of Hwang et al. 2024)."
    )
    shuffles: Annotated[Whole, Field(ge=0)] = Field(
        1,
        description="How many times perturbations are put on other images, which gives the null of SAT; each takes as "
        "long as the transfer itself. 0 gives none, and no excess.",
    )
