"""What hwang2024 and cianfarani2022 add to a study: models, attacks, students and layers compared, counted as there.

Analyses that are made from tables alone take a minute or so and are left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kindred.config import model_entry
from kindred.passes import passes
from kindred.tiles import deal
from kindred.workload import FLOAT, Costs, Sizes, Stage, attacks, making, packed, trained_for, trying


@dataclass(frozen=True)
class Look:
    """Layers compared in one job: (model, what it is shown) of each observation, and the measures."""

    observations: Sequence[tuple[str, str]]
    measures: Sequence[str]


@dataclass(frozen=True)
class Layered:
    """What cianfarani2022 makes: all models that it needs, all (attack, model), and its looks."""

    models: Sequence[str]
    attacked: Sequence[tuple[str, str]]
    looks: Sequence[Look]


def hwang(config: Mapping[str, Any], sizes: Sizes, costs: Costs) -> list[Stage]:
    """Attacks tried for their quality, and students that are distilled."""
    if not config["models"] or not config["attacks"] or config["similarity"]["external"]:
        return []
    sat = config["sat"]
    settings = config["attacks"][sat["attack"] or next(iter(config["attacks"]))]
    count = min(sat["quality"]["images"], sizes.evaluation)
    single = {**settings, "steps": 1, "restarts": 1, "random_start": False}

    def tried(model: str) -> float:
        """Seconds an image: the attack as it is, at half and at twice the radius, and in one step."""
        cost = costs[model]
        return (
            3 * trying(settings, cost, "adversary") + trying(single, cost, "adversary") + 5 * cost["forward"]
        )

    groups = deal(list(config["models"]), config["similarity"]["groups"]).values()
    assessed = [count * sum(map(tried, own)) for own in groups]
    found = [Stage("assess_attacks", tuple(assessed))]
    if about := sat["distillation"]:
        taught = [
            sum(
                _distilled(config, student, teacher, sizes, costs)
                for student in about["students"]
                if student != teacher
            )
            for teacher in about["teachers"]
        ]
        found.append(Stage("distil_students", tuple(taught), models=1 + len(about["students"])))
    return found


def _distilled(config: Mapping[str, Any], student: str, teacher: str, sizes: Sizes, costs: Costs) -> float:
    """Seconds of a student, as it was and trained with a teacher by every method; no adversary takes part."""
    recipe = {**model_entry(config, student)["recipe"], "eps": 0, "method": "standard"}
    images = max(1, sizes.training // recipe["batch"]) * recipe["batch"]
    each = trained_for(recipe, sizes, costs[student]) + recipe["epochs"] * images * costs[teacher]["forward"]
    look = sizes.evaluation * costs[student]["forward"]
    return look + len(config["sat"]["distillation"]["methods"]) * (each + look)


def cianfarani(config: Mapping[str, Any], sizes: Sizes, costs: Costs, layered: Layered) -> list[Stage]:
    """Models, snapshots and attacks beyond the study's own, and layers compared with layers."""
    about = config["cianfarani"]
    if not about:
        return []
    images = min(about["images"] or sizes.evaluation, sizes.evaluation)
    known = {**config["attacks"], **about["attacks"]}
    missing = [model for model in layered.models if model not in config["models"]]
    own = [
        (attack, model)
        for attack, model in layered.attacked
        if model not in config["models"] or attack not in config["attacks"]
    ]
    found = [
        *making(config, sizes, costs, missing),
        attacks(known, own, sizes, costs),
        _curves(config, sizes, costs, images),
        _looks(config, costs, layered.looks, images),
        _alignments(config, costs, images),
    ]
    return [stage for stage in found if stage.seconds]


def _curves(config: Mapping[str, Any], sizes: Sizes, costs: Costs, images: int) -> Stage:
    """Accuracy of each snapshot and of the end, on images of both sets, as they are and attacked."""
    epochs = config["cianfarani"]["epochs"]
    if not epochs:
        return Stage("evaluate_snapshots", ())
    known = {**config["attacks"], **config["cianfarani"]["attacks"]}
    wanted = epochs["images"] or images
    count = (len(epochs["at"]) + 1) * (min(wanted, sizes.evaluation) + min(wanted, sizes.training))
    seconds = []
    for model in epochs["models"]:
        cost = costs[model]
        each = cost["forward"]
        if epochs["attack"]:
            each += trying(known[epochs["attack"]], cost, "attack") + cost["forward"]
        seconds.append(count * each)
    return Stage("evaluate_snapshots", tuple(seconds))


def _looks(config: Mapping[str, Any], costs: Costs, looks: Sequence[Look], images: int) -> Stage:
    about = config["cianfarani"]
    memory = int(about["memory"] * 2**30)
    seconds, disk, held = [], 0.0, 0.0
    for look in looks:
        models = [model.partition("~")[0] for model, _ in look.observations]
        widths = [width for model in models for width in costs[model]["looked"]]
        flops = min(costs[model]["flops"] for model in models)
        total = 0.0
        for kernel in _kernels(look.measures):
            size, showings = _packed(config, kernel, images)
            seen = sum(costs[m]["look"] * len(passes(costs[m]["looked"], size, memory)) for m in models)
            # Half of a Gram matrix and half of the products, of two operations each.
            total += showings * (size * seen + size**2 * (sum(widths) + len(widths) ** 2 / 2) / flops)
        seconds.append(total)
        disk += 8 * len(widths) ** 2 * len(look.measures)
        largest = max((_packed(config, kernel, images)[0] for kernel in _kernels(look.measures)), default=0)
        shown = max((_shown(costs[model], images, memory) for model in models), default=0.0)
        held = max(held, packed(len(widths), largest) + shown)
    most = max((len(one.observations) for one in looks), default=1)
    return Stage("compare_layers", tuple(seconds), disk, most, held)


def _shown(cost: Mapping[str, Any], images: int, memory: int) -> float:
    """Bytes of the layers of one pass, and about as much again of what a batch says to them."""
    return 2 * min(memory, FLOAT * images * sum(cost["looked"]))


def _kernels(measures: Sequence[str]) -> list[str]:
    """What features are gathered for: both linear estimators come from the same Gram matrices."""
    return list(
        dict.fromkeys("linear" if name in ("cka_debiased", "cka_biased") else name for name in measures)
    )


def _packed(config: Mapping[str, Any], kernel: str, images: int) -> tuple[int, int]:
    """Images of one pack, and how many packs there are."""
    if kernel != "cka_minibatch":
        return images, 1
    about = config["similarity"]["minibatch"]
    size = min(about["size"], images)
    return size, about["passes"] * -(-images // size)


def _alignments(config: Mapping[str, Any], costs: Costs, images: int) -> Stage:
    """Each layer of two networks decomposed in float64, which numpy does on the CPU, and every measure of the two."""
    memory = int(config["cianfarani"]["memory"] * 2**30)
    seconds, held = [], 0.0
    for pair in config["cianfarani"]["alignments"]:
        total = 0.0
        for model in pair:
            cost = costs[model]
            total += images * cost["look"] * len(passes(cost["looked"], images, memory))
            total += len(cost["looked"]) * cost["spread"] * images**3
            total += 2 * images**2 * sum(cost["looked"]) / cost["flops64"]
        total += len(costs[pair[0]]["looked"]) * costs[pair[0]]["aligning"] * images**3
        seconds.append(total)
        # The widest layer of both in float32, of one of them twice in float64.
        widest = max(costs[pair[0]]["looked"], default=0)
        held = max(
            held, (2 * 4 + 2 * 8) * images * widest + sum(_shown(costs[m], images, memory) for m in pair)
        )
    return Stage("align_layers", tuple(seconds), models=2, memory=held)
