"""The whole configuration: its sections, in the order of config.yaml."""

from typing import Annotated, Any, Literal

from pydantic import Field

from kindred.config.base import Folder, Number, Settings, allowed, unit
from kindred.config.layerwise import Layerwise
from kindred.config.sat import Sat
from kindred.config.sections import Activations, Gradients, Inversion, Published, Similarity, Stitching, Transfer
from kindred.config.unions import Attack, Model, Named, Source, Training
from kindred.figures.catalogue import Figures
from kindred.images.catalogue import Digits


class Pathvars(Settings, title="pathvars"):
    """Snakemake's own path variables."""

    results: Folder | None = Field(None, description="Folder of everything that is generated.")
    logs: Folder | None = Field(None, description="Folder of logs.")
    benchmarks: Folder | None = Field(None, description="Folder of the jobs' times and memory.")
    resources: Folder | None = Field(None, description="Folder of downloaded files.")
    reports: Folder | None = Field(None, description="Folder of reports.")
    stats: Folder | None = Field(None, description="Folder of Snakemake's statistics.")
    temp: Folder | None = Field(None, description="Folder of temporary files.")


class Study(Settings, title="the configuration"):
    """A study of how alike image classifiers are."""

    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto", description="Where networks run: auto is a GPU where there is one. Never changes what is up to date."
    )
    memory: Annotated[Number, unit("GiB", gt=0)] = Field(
        2.0,
        description="Memory that a job may use at once for its computation, about: batches and Gram matrices are cut "
        "to fit; networks and images come on top. Never changes what is up to date.",
    )
    pathvars: Pathvars | None = Field(
        None, description="Where Snakemake's path variables lead, if not to the usual folders."
    )
    images: Source = Field(Digits(), description="The images on which everything is measured, and those for training.")
    trainings: Named[Training] = Field(
        {}, description="Recipes of training by name. A model's entry names one and may adjust single keys of it."
    )
    models: (
        Annotated[Named[Model], allowed("a map of at least one model, each a name and its entry", min_length=1)] | None
    ) = Field(
        None,
        description="The models that are compared, by name; at least one, unless similarity.external brings a table.",
    )
    attacks: Named[Attack] = Field({}, description="Attacks by name. Each is run against every model.")
    inversions: Named[Inversion] = Field(
        {},
        description="Inversions by name. Each is run through every model: images are changed until their "
        "representation is that of other images.",
    )
    activations: Activations = Field(Activations(), description="Which activations are kept.")
    similarity: Similarity = Field(Similarity(), description="How representations are compared.")
    gradients: Gradients | None = Field(None, description="Cosines of input gradients; null compares none.")
    stitching: Stitching | None = Field(None, description="Stitching of models; null stitches none.")
    published: Published | None = Field(None, description="Comparison with Jones et al. 2022; null compares nothing.")
    layerwise: Layerwise | None = Field(
        None, description="What `snakemake cianfarani2022` makes: layers of models compared; null is nothing."
    )
    transfer: Transfer = Field(Transfer(), description="How adversarial images transfer between models.")
    sat: Sat = Field(Sat(), description="What `snakemake hwang2024` makes of SAT (Hwang et al. 2024).")
    figures: Figures = Field(
        Figures(), description="Which figures are drawn, and how; all that the study has data for."
    )

    def as_dict(self) -> dict[str, Any]:
        """The configuration with every default filled in, as plain dicts, lists and scalars."""
        filled = self.model_dump(mode="python")
        filled["models"] = filled["models"] or {}
        # Snakemake takes no null among its own.
        filled["pathvars"] = {name: path for name, path in (filled["pathvars"] or {}).items() if path} or None
        return filled
