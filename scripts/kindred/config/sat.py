"""The section `sat`: what `snakemake hwang2024` makes of SAT (Hwang et al. 2024)."""

from typing import Annotated, Literal

from pydantic import Field

from kindred.config.base import (
    AttackName,
    Count,
    EachOnce,
    ModelNames,
    Number,
    Part,
    Seed,
    Settings,
    Share,
    Whole,
    allowed,
    unit,
)


class Clusters(Settings, title="sat.clusters"):
    """Groups of models by spectral clustering, and maps of them."""

    affinity: Literal["sat", "exp_sat"] = Field(
        "exp_sat", description="Affinity of two models: SAT, or exp(SAT), the percentage fooled."
    )
    diagonal: Literal["zero", "kept"] = Field(
        "zero",
        description="Affinity of a model to itself: zero, as Ng, Jordan and Weiss (2002) have it, or kept.",
    )
    count: Annotated[Whole, unit("groups", ge=2)] | None = Field(
        None, description="Number of groups; null for as many as come before the largest gap of the eigenvalues."
    )
    seeds: Annotated[Whole, Field(ge=2, le=1000)] = Field(
        20, description="Runs of k-means, with seeds 0, 1, ..., over which stability is measured."
    )
    starts: Annotated[Whole, Field(ge=1, le=10000)] = Field(
        100, description="Starts of each run, of which the best counts."
    )
    perplexity: Annotated[Number, Field(gt=1)] = Field(
        15.0, description="Perplexity of t-SNE; at most a third of the other models is used."
    )
    draws: Annotated[Whole, Field(ge=10)] = Field(
        100, description="Draws of images with replacement, on which clusters are found anew."
    )
    seed: Seed = Field(0, description="Seed of these draws, and of permutations of labels.")


class Components(Settings, title="sat.components"):
    """Which components of two models explain their SAT, by gradient boosting."""

    table: Annotated[str, allowed("the path of a CSV file or null", min_length=1)] | None = Field(
        None,
        description="CSV with a row per model and the 13 components of Hwang et al. (2024), for models that the study "
        "cannot build; null where it builds all of them.",
    )
    trees: Count = Field(300, description="Number of trees.")
    depth: Count = Field(4, description="Depth of a tree.")
    lr: Part = Field(0.05, description="Learning rate.")
    folds: Annotated[Whole, Field(ge=2)] = Field(5, description="Folds of cross-validation.")
    divisions: Count = Field(5, description="Divisions into folds, over which the spread of R2 is given.")
    repeats: Count = Field(10, description="Times that each component is shuffled in each fold.")
    draws: Annotated[Whole, Field(ge=10)] = Field(1000, description="Draws of the bootstrap over models.")
    seed: Seed = Field(0, description="Seed of divisions, shuffles and draws.")


class Ensembles(Settings, title="sat.ensembles"):
    """What averaging the outputs of several models gains."""

    sizes: Annotated[
        list[Annotated[Whole, unit("models", ge=2, le=20)]],
        EachOnce,
        allowed("a list of at least one whole number", min_length=1),
    ] = Field([2, 3, 4, 5], description="Numbers of models in a set; those above the number of models are left out.")
    average: Literal["softmax", "logits"] = Field("softmax", description="What is averaged: probabilities or logits.")
    sets: Annotated[Whole, Field(ge=10)] = Field(
        2000, description="Largest number of sets of each size; where there are more, as many are drawn."
    )
    draws: Annotated[Whole, Field(ge=10)] = Field(1000, description="Draws of the bootstrap over models.")
    seed: Seed = Field(0, description="Seed of sets and draws.")


class Distillation(Settings, title="sat.distillation"):
    """Students trained again with teachers."""

    students: ModelNames = Field(description="Models that are trained again with a teacher; each of method standard.")
    teachers: ModelNames = Field(description="Models that teach each of them, but not themselves.")
    methods: Annotated[
        list[Literal["hard", "soft"]], EachOnce, allowed("a list of at least one of hard and soft", min_length=1)
    ] = Field(
        ["soft"], description="What students learn from a teacher: its labels (hard) or its probabilities (soft)."
    )
    seeds: Annotated[Whole, Field(ge=2, le=100)] = Field(
        3, description="Trainings of each student alone and with each teacher, from its own seed on."
    )
    temperature: Annotated[Number, Field(gt=0)] = Field(3.0, description="Temperature of soft distillation.")
    share: Share = Field(0.1, description="Weight of the teacher in soft distillation.")


class Quality(Settings, title="sat.quality"):
    """How far an attack can be trusted on each model."""

    images: Annotated[Whole, unit("images", ge=10)] = Field(
        200, description="Evaluation images that are tried; all of them where there are fewer."
    )


class Measures(Settings, title="sat.measures"):
    """Other measures of similarity beside SAT."""

    permutations: Annotated[Whole, Field(ge=19)] = Field(999, description="Permutations of Mantel's test.")
    draws: Annotated[Whole, Field(ge=10)] = Field(1000, description="Draws of the bootstrap over models.")
    seed: Seed = Field(0, description="Seed of permutations and draws.")


class Sat(Settings, title="sat"):
    """What `snakemake hwang2024` makes of SAT."""

    attack: AttackName | None = Field(
        None, description="The attack whose SAT is analysed; null for the first of attacks."
    )
    clusters: Clusters = Field(Clusters(), description=Clusters.__doc__)
    components: Components = Field(Components(), description=Components.__doc__)
    ensembles: Ensembles = Field(Ensembles(), description=Ensembles.__doc__)
    distillation: Distillation | None = Field(None, description="Students trained again with teachers; null for none.")
    quality: Quality = Field(Quality(), description=Quality.__doc__)
    measures: Measures = Field(Measures(), description=Measures.__doc__)
