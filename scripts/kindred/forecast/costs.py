"""Costs of the jobs that Snakemake plans: passes of networks, counted from the config, times measured rates.

A job is known by its rule and its wildcards. Jobs of rules that `Study` has no formula for, those that read tables,
cost their start alone.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from kindred.attacks.catalogue import moves
from kindred.config.entries import attack_entries, model_entries, model_entry, training_images
from kindred.config.layer_plan import LayerPlan
from kindred.workflow.tiles import deal

FLOAT = 4  # bytes
Config = Mapping[str, Any]


class Job(NamedTuple):
    """A job of the DAG: its rule, and its wildcards by name."""

    rule: str
    wildcards: tuple[tuple[str, str], ...] = ()


def jobs(plan: str) -> list[Job]:
    """The jobs with a log, and so with work to do, that a dry run of Snakemake prints."""
    found = []
    for block in re.split(r"^(?:local)?rule (?=\w+:$)", plan, flags=re.M)[1:]:
        named = re.search(r"^    wildcards: (.*)$", block, re.M)
        wildcards = tuple(tuple(one.split("=", 1)) for one in named[1].split(", ")) if named else ()
        if re.search(r"^    log: ", block, re.M):
            found.append(Job(block.partition(":")[0], wildcards))  # type: ignore[arg-type]
    return found


def stages(config: Config, model: str) -> list[str]:
    """The stages whose rates a study needs of a model, for `rates.measure`."""
    trained = "training" in model_entries(config)[model]
    robust = trained and model_entry(config, model)["recipe"]["method"] != "standard"
    needed = {
        "training": trained,
        "adversary": robust or bool(config["gradients"]) or bool(config["attacks"]),
        "attack": bool(attack_entries(config)),
        "inversion": bool(config["inversions"]),
    }
    return [name for name, wanted in needed.items() if wanted]


def attacking(settings: Config, rates: Config, step: str) -> float:
    """Seconds that an attack takes on one image; step: the rate of one of its steps, on a folded copy or not."""
    if "shift" in settings:
        return float(settings["tries"] ** (3 if settings.get("grid") else 1) * rates["forward"])
    return float(settings.get("restarts", 1) * settings.get("steps", 1) * rates[step])


@dataclass(frozen=True)
class Study:
    """A checked config, the rates of every model, and the numbers per image; methods named as rules give seconds."""

    config: Config
    rates: Mapping[str, Config]
    pixels: int

    def seconds(self, job: Job) -> float:
        """Seconds of a job's work; 0 for those that take moments."""
        formula = getattr(self, job.rule, None)
        return float(formula(**dict(job.wildcards))) if formula else 0.0

    def disk(self, job: Job) -> float:
        """Bytes that a job leaves on disk, of the rules whose results are large."""
        wildcards = dict(job.wildcards)
        if job.rule in ("attack_model", "invert_images"):
            known = {**attack_entries(self.config), **self.config["inversions"]}
            made_by = wildcards.get("attack") or wildcards["inversion"]
            return float(self._images(known[made_by]) * known[made_by].get("pairings", 1) * self.pixels * FLOAT)
        if job.rule == "extract_activations":
            return float(self._images() * sum(self.rates[wildcards["model"]]["widths"].values()) * FLOAT)
        if job.rule in ("train_model", "train_snapshots", "convert_checkpoint", "import_checkpoint"):
            return float(self.rates[wildcards["model"]]["parameters"] * FLOAT)
        return 0.0

    def train_model(self, model: str) -> float:
        recipe, rates = model_entry(self.config, model)["recipe"], self.rates[model]
        robust = 0 if recipe["method"] == "standard" else recipe["epochs"] - recipe["clean_epochs"]
        adversary = attacking(recipe, rates, "adversary") if robust else 0.0
        # TRADES learns from natural images besides, and needs one more pass of them.
        adversary += (rates["training"] + rates["forward"]) * (recipe["method"] == "trades")
        each = recipe["epochs"] * rates["training"] + robust * adversary
        return training_images(self.config) * each + self._images() * rates["forward"]

    def train_snapshots(self, model: str) -> float:
        kept = len(self.config["layerwise"]["epochs"]["at"])
        return self.train_model(model) + kept * self.import_checkpoint(model)

    def import_checkpoint(self, model: str) -> float:
        return self._images() * self.rates[model]["forward"]

    def attack_model(self, attack: str, model: str) -> float:
        settings, rates = attack_entries(self.config)[attack], self.rates[model]
        return self._images(settings) * (attacking(settings, rates, "attack") + 2 * rates["forward"])

    def invert_images(self, inversion: str, model: str) -> float:
        settings = self.config["inversions"][inversion]
        return self._images(settings) * settings["pairings"] * settings["steps"] * self.rates[model]["inversion"]

    def extract_activations(self, model: str, stimuli: str) -> float:
        return self._images() * self.rates[model]["observe"]

    def cross_evaluate(self, attack: str, tile: str) -> float:
        sources, targets = self._sides(tile)
        settings = self.config["attacks"][attack]
        made = 1 + self.config["transfer"]["shuffles"] * moves(settings)
        return self._images(settings) * (1 + made * len(sources)) * self._sum("quick", targets)

    def compare_activations(self, stimuli: str, tile: str) -> float:
        models = {model for side in self._sides(tile) for model in side}
        widths = [width for model in models for width in self.rates[model]["widths"].values()]
        return self._grams(widths, self._images(), models)

    def compare_inverted(self, inversion: str, tile: str) -> float:
        inverters, tested = self._sides(tile)
        settings = self.config["inversions"][inversion]
        # Inverted images and their seeds in every pairing, and targets once.
        inverted = self._sum("forward", inverters) + (1 + len(inverters)) * self._sum("forward", tested)
        passes = settings["pairings"] * inverted + self._sum("forward", tested)
        return self._images(settings) * passes

    def compare_gradients(self, tile: str) -> float:
        settings = self.config["gradients"]
        models = {model for side in self._sides(tile) for model in side}
        return self._images(settings) * len(settings["losses"]) * self._sum("adversary", models)

    def stitch_models(self, tile: str) -> float:
        bodies, heads = self._sides(tile)
        training = training_images(self.config)
        fitted = min(self.config["stitching"]["images"] or training, training)
        wide = {model: self.rates[model]["widths"].get("penultimate", 0) for model in (*bodies, *heads)}
        decomposed = sum(8 * fitted * wide[body] * min(fitted, wide[body]) for body in bodies)
        return (fitted + self._images()) * self._sum("forward", wide) + decomposed / self._flops(wide)

    def assess_attacks(self, attack: str, group: str) -> float:
        settings = attack_entries(self.config)[attack]
        passes = (
            3 * attacking(settings, self.rates[model], "adversary") + 5 * self.rates[model]["forward"]
            for model in self._groups()[int(group)]
        )
        return self._images(self.config["sat"]["quality"]) * sum(passes)

    def distil_students(self, model: str) -> float:
        settings = self.config["sat"]["distillation"]
        students = [student for student in settings["students"] if student != model]
        epochs = sum(model_entry(self.config, student)["recipe"]["epochs"] for student in students)
        taught = epochs * training_images(self.config) * self.rates[model]["forward"]
        return settings["seeds"] * len(settings["methods"]) * (taught + sum(map(self.train_model, students)))

    def train_students_alone(self, model: str) -> float:
        return self.config["sat"]["distillation"]["seeds"] * self.train_model(model)

    def evaluate_snapshots(self, model: str) -> float:
        plan, rates = LayerPlan(self.config), self.rates[model]
        kept, each = plan.kept, rates["forward"]
        if kept["attack"]:
            each += attacking(attack_entries(self.config)[kept["attack"]], rates, "attack") + rates["forward"]
        return 2 * (len(kept["at"]) + 1) * (kept["images"] or plan.images) * each

    def compare_layers(self, comparison: str) -> float:
        plan = LayerPlan(self.config)
        models = [model.partition("~")[0] for model, _ in plan.observations(comparison)]
        widths = [width for model in models for width in self.rates[model]["layer_widths"]]
        once = plan.images * self._sum("layers", models) + self._grams(widths, plan.images, models)
        return len(plan.measures(comparison)) * once

    def align_layers(self, model: str, other: str) -> float:
        images, rates = LayerPlan(self.config).images, self.rates[model]
        # Decompositions of both sides and of their product in float64, about 60 n^3 operations per layer.
        operations = 60 * len(rates["layer_widths"]) * images**3
        return 2 * images * rates["layers"] + operations / (rates["flops"] / 4)

    def _images(self, settings: Config | None = None) -> int:
        """Evaluation images that a setting asks for, all where it is null."""
        every = int(self.config["images"]["evaluation"])
        return min((settings or {}).get("images") or every, every)

    def _groups(self) -> dict[int, list[str]]:
        return deal(list(self.config["models"]), self.config["similarity"]["groups"])

    def _sides(self, tile: str) -> tuple[list[str], list[str]]:
        first, second = map(int, tile.split("x"))
        return self._groups().get(first, []), self._groups().get(second, [])

    def _sum(self, rate: str, models: Iterable[str]) -> float:
        return sum(self.rates[model][rate] for model in models)

    def _flops(self, models: Iterable[str]) -> float:
        return float(min(self.rates[model]["flops"] for model in models))

    def _grams(self, widths: Sequence[int], images: int, models: Iterable[str]) -> float:
        """Seconds of the Gram matrices of all these layers and of all their products: half of each square."""
        return images**2 * (sum(widths) + len(widths) ** 2 / 2) / self._flops(models)
