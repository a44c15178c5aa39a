"""Plan of the section `layerwise`: which layer comparisons there are, and which models and images each takes.

An observation is a model that is shown images: (model, stimuli), the stimuli being `natural`, `training` or
`attack@model`, and the model after e epochs of its training `model~e`. A comparison is a set of observations
whose layers are all compared with each other in one job.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from kindred.config.layerwise import IMAGE_SETS, Layerwise

ATTACKED = "attacked"


class LayerPlan:
    """The layer comparisons of a checked config; an empty plan where it has no section `layerwise`.

    panels, benign, epochs, series: names of the comparisons of each kind.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.settings = config["layerwise"] or Layerwise().model_dump()
        self.kept = self.settings["epochs"] or {"models": [], "at": [], "attack": None, "images": None}
        self.natural = self.settings["benign"] or {"models": [], "attacks": []}
        self.images = self.settings["images"] or config["images"]["evaluation"]
        self.measure = self.settings["measure"]
        names = ("panels", *(f"panels-{images}" for images in (IMAGE_SETS[1], ATTACKED)))
        self.panels = [name for name in names if self.observations(name)]
        self.benign = [f"benign-{model}" for model in self.natural["models"]]
        self.trained = [[model, images] for model in self.kept["models"] for images in IMAGE_SETS]
        self.epochs = [f"epochs-{images}-{model}" for model, images in self.trained]
        self.series = [f"series-{name}" for name in self.settings["series"]]

    @property
    def comparisons(self) -> list[str]:
        """The names of all comparisons."""
        return [*self.panels, *self.benign, *self.epochs, *self.series]

    def observations(self, comparison: str) -> list[list[str]]:
        """The [model, stimuli] of a comparison, each once."""
        kind, _, about = comparison.partition("-")
        if kind == "panels":
            found = [
                (panel[side], panel[images])
                for panel in self.settings["panels"]
                for side, images in (("rows", "row_images"), ("columns", "column_images"))
                if _shown(panel) == (about or "natural")
            ]
        elif kind == "benign":
            found = [(about, "natural"), *((about, f"{name}@{about}") for name in self.natural["attacks"])]
        elif kind == "epochs":
            images, _, model = about.partition("-")
            found = [*((f"{model}~{epoch}", images) for epoch in sorted(self.kept["at"])), (model, images)]
        else:
            found = [(model, "natural") for model in self.settings["series"][about]["models"]]
        return [list(one) for one in dict.fromkeys(found)]

    def measures(self, comparison: str) -> list[str]:
        """The measures of a comparison, that of all figures first."""
        return [self.measure, *(self.settings["estimators"] if comparison == "panels" else [])]

    def stimuli(self, comparison: str) -> list[str]:
        """The images that a comparison shows, each once."""
        return list(dict.fromkeys(images for _, images in self.observations(comparison)))

    def whole_models(self, comparison: str) -> list[str]:
        """The models of a comparison after their whole training."""
        return list(dict.fromkeys(model for model, _ in self.observations(comparison) if "~" not in model))

    def snapshots(self, comparison: str) -> list[str]:
        """The models of a comparison of which snapshots are shown."""
        models = (model for model, _ in self.observations(comparison) if "~" in model)
        return list(dict.fromkeys(model.partition("~")[0] for model in models))

    def attacked(self) -> list[tuple[str, str]]:
        """The (attack, model) whose accuracy the tables have."""
        found = [(a, m) for one in self.settings["series"].values() for a in one["attacks"] for m in one["models"]]
        return list(dict.fromkeys([*found, *((a, m) for m in self.natural["models"] for a in self.natural["attacks"])]))

    def models(self) -> list[str]:
        """All models that are compared, in the order of the section."""
        found: list[Iterable[str]] = [
            [panel[side] for panel in self.settings["panels"] for side in ("rows", "columns")],
            [model for one in self.settings["series"].values() for model in one["models"]],
            self.natural["models"],
            self.kept["models"],
            [model for pair in self.settings["alignments"] for model in pair],
        ]
        return list(dict.fromkeys(model for some in found for model in some))


def _shown(panel: Mapping[str, str]) -> str:
    """Panels on natural images, on training images and on others are compared in separate jobs."""
    images = {panel["row_images"], panel["column_images"]}
    return next((one for one in IMAGE_SETS if images == {one}), ATTACKED)
