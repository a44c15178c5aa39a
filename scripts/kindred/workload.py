"""How much work the stages of a study are: passes of networks and products of matrices, counted from its config.

So many images, times steps, times models or pairs of models, as the config says; what each costs is measured
(kindred.costs).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kindred.config import model_entries, model_entry
from kindred.tiles import deal

FLOAT = 4  # bytes


@dataclass(frozen=True)
class Sizes:
    """Of the study's images: how many to measure on and to train on, numbers in one of them."""

    evaluation: int
    training: int
    pixels: int


@dataclass(frozen=True)
class Stage:
    """One rule's jobs: seconds of each, and bytes on disk that they take in all."""

    name: str
    seconds: tuple[float, ...]
    disk: float = 0.0
    models: int = 1  # in the memory of one job at a time
    memory: float = 0.0  # bytes of the largest job beyond what a network and its passes take


Costs = Mapping[str, Mapping[str, Any]]


def stages(config: Mapping[str, Any], sizes: Sizes, costs: Costs) -> list[Stage]:
    """Every stage of a checked config's own study; costs: {model: what kindred.costs measured of its network}."""
    models = list(config["models"])
    attacked = [(attack, model) for attack in config["attacks"] for model in models]
    found = [
        *making(config, sizes, costs, models),
        attacks(config["attacks"], attacked, sizes, costs),
        _inversions(config, sizes, costs),
        _activations(config, sizes, costs),
        *_comparisons(config, sizes, costs),
    ]
    return [stage for stage in found if stage.seconds]


def making(config: Mapping[str, Any], sizes: Sizes, costs: Costs, models: Sequence[str]) -> list[Stage]:
    """Training, plainly and with snapshots on the way, and importing, of these models."""
    entries = model_entries(config)
    epochs = (config["cianfarani"] or {}).get("epochs") or {"models": [], "at": []}
    kept, snapshots = epochs["models"], len(epochs["at"])
    trained = [name for name in models if "training" in entries[name]]
    plain = [name for name in trained if name not in kept]
    watched = [name for name in trained if name in kept]
    imported = [name for name in models if name not in trained]

    def bytes_of(names: Sequence[str]) -> float:
        return float(sum(costs[name]["parameters"] * FLOAT for name in names))

    def look(name: str) -> float:
        return float(sizes.evaluation * costs[name]["forward"])

    def training(name: str) -> float:
        return trained_for(model_entry(config, name)["recipe"], sizes, costs[name]) + look(name)

    return [
        Stage("train_model", tuple(map(training, plain)), bytes_of(plain)),
        Stage(
            "train_snapshots",
            tuple(training(name) + snapshots * look(name) for name in watched),
            bytes_of(watched) * (1 + snapshots),
        ),
        Stage("convert_checkpoint", tuple(0.0 for _ in imported), bytes_of(imported)),
        Stage("import_checkpoint", tuple(map(look, imported)), bytes_of(imported)),
    ]


def trained_for(recipe: Mapping[str, Any], sizes: Sizes, cost: Mapping[str, Any]) -> float:
    """Seconds of a whole training."""
    shown = max(1, sizes.training // recipe["batch"]) * recipe["batch"]
    attacked = max(0, recipe["epochs"] - (recipe.get("clean_epochs") or 0)) if recipe["eps"] else 0
    fooling = trying(recipe, cost, "adversary") if recipe["eps"] else 0.0
    # TRADES learns from the images and their adversarial ones, and asks once more what is to be changed.
    again = attacked if recipe["method"] == "trades" else 0
    learning = (recipe["epochs"] + again) * cost["training"] + again * cost["forward"]
    return float(shown * (learning + attacked * fooling))


def trying(settings: Mapping[str, Any], cost: Mapping[str, Any], step: str) -> float:
    """Seconds that an adversary takes for one image; step: the cost of one of its steps, folded or not."""
    steps = settings.get("steps") or 1
    if settings["norm"] == "spatial":
        # Turns and shifts are tried, not descended: drawn at random, or all of a grid.
        return float((steps if settings.get("random_start", True) else steps**3) * cost["forward"])
    restarts = settings.get("restarts", 1)
    return float(restarts * (steps * cost[step] + (restarts > 1) * cost["forward"]))


def shown(settings: Mapping[str, Any], sizes: Sizes) -> int:
    """The first so many images, all of them where a setting says null."""
    return min(settings.get("images") or sizes.evaluation, sizes.evaluation)


def attacks(
    known: Mapping[str, Mapping[str, Any]], wanted: Sequence[tuple[str, str]], sizes: Sizes, costs: Costs
) -> Stage:
    """Attacks on models; known: {attack: settings}, wanted: (attack, model) of each job."""
    seconds, disk = [], 0.0
    for attack, model in wanted:
        count, cost = shown(known[attack], sizes), costs[model]
        seconds.append(count * (trying(known[attack], cost, "attack") + 2 * cost["forward"]))
        disk += count * sizes.pixels * FLOAT
    return Stage("attack_model", tuple(seconds), disk)


def _inversions(config: Mapping[str, Any], sizes: Sizes, costs: Costs) -> Stage:
    seconds, disk = [], 0.0
    for settings in config["inversions"].values():
        count = shown(settings, sizes)
        for model in config["models"]:
            cost = costs[model]
            seconds.append(count * (settings["steps"] * cost["inversion"] + 2 * cost["forward"]))
            disk += count * sizes.pixels * FLOAT
    return Stage("invert_images", tuple(seconds), disk)


def _activations(config: Mapping[str, Any], sizes: Sizes, costs: Costs) -> Stage:
    seconds = tuple(sizes.evaluation * costs[model]["observe"] for model in config["models"])
    numbers = sum(sum(costs[model]["features"].values()) for model in config["models"])
    return Stage("extract_activations", seconds, float(sizes.evaluation * numbers * FLOAT))


Tile = tuple[list[str], list[str]]


def tiles(config: Mapping[str, Any], ordered: bool) -> list[Tile]:
    """The models on both sides of every comparison job."""
    groups = deal(list(config["models"]), config["similarity"]["groups"])
    return [(groups[a], groups[b]) for a in groups for b in groups if ordered or a <= b]


def _comparisons(config: Mapping[str, Any], sizes: Sizes, costs: Costs) -> Iterator[Stage]:
    ordered, unordered = tiles(config, ordered=True), tiles(config, ordered=False)

    def forward(models: Sequence[str]) -> float:
        return sum(costs[model]["forward"] for model in models)

    answering = [
        shown(settings, sizes) * (1 + len(first)) * forward(second)
        for settings in config["attacks"].values()
        for first, second in ordered
    ]
    classes = FLOAT * sizes.evaluation * len(config["models"]) * (1 + len(config["models"]))
    disk = classes * len(config["attacks"])
    yield Stage("cross_evaluate", tuple(answering), disk, max(len(second) for _, second in ordered))

    seconds = [
        sizes.evaluation**2 * _times(config, sizes) * _products(first, second, costs)
        for first, second in unordered
    ]
    memory = config["memory"] * 2**30
    held = max(_penultimate(first, second, sizes, costs) for first, second in unordered)
    every = max(
        packed(sum(len(costs[model]["features"]) for model in {*first, *second}), sizes.evaluation)
        for first, second in unordered
    )
    yield Stage("compare_activations", tuple(seconds), memory=max(held, min(memory, every)))

    answering = [
        shown(settings, sizes) * (forward(first) + (1 + len(first)) * forward(second))
        for settings in config["inversions"].values()
        for first, second in ordered
    ]
    inverted = max((shown(settings, sizes) for settings in config["inversions"].values()), default=0)
    held = min(memory, packed(2 * max(len(second) for _, second in ordered), inverted))
    yield Stage("compare_inverted", tuple(answering), models=_largest(ordered), memory=held)

    if config["gradients"]:
        passes = shown(config["gradients"], sizes) * len(config["gradients"]["losses"])
        seconds = [
            passes * sum(costs[model]["adversary"] for model in dict.fromkeys(first + second))
            for first, second in unordered
        ]
        yield Stage("compare_gradients", tuple(seconds), models=_largest(unordered))
    if config["stitching"]:
        fitted = min(config["stitching"]["images"] or sizes.training, sizes.training)
        seconds = [
            (fitted + sizes.evaluation) * forward(list(dict.fromkeys(first + second)))
            + _solving(first, second, fitted, costs)
            for first, second in ordered
        ]
        yield Stage("stitch_models", tuple(seconds))


def packed(layers: int, images: int) -> float:
    """Bytes of so many packed Gram matrices, about (`gram.packed_bytes`, which needs torch)."""
    return 2.0 * layers * images * (images + 128)


def _penultimate(first: Sequence[str], second: Sequence[str], sizes: Sizes, costs: Costs) -> float:
    """Bytes of the penultimate activations of a tile and of their Gram matrices."""
    models = {*first, *second}
    width = sum(costs[model]["features"].get("penultimate", 0) for model in models)
    return FLOAT * sizes.evaluation * width + packed(len(models), sizes.evaluation)


def _largest(found: Sequence[Tile]) -> int:
    return max(len(set(first + second)) for first, second in found)


def _times(config: Mapping[str, Any], sizes: Sizes) -> float:
    """How many times the work of one linear kernel on all images the wanted measures are."""
    similarity = config["similarity"]
    wanted = set(similarity["measures"])
    minibatch = similarity["minibatch"]
    share = min(1.0, minibatch["size"] / sizes.evaluation) * minibatch["passes"]
    return (
        (not wanted.isdisjoint({"cka_debiased", "cka_biased"}))
        + ("cka_rbf" in wanted)
        + ("cka_minibatch" in wanted) * share
    )


def _products(first: Sequence[str], second: Sequence[str], costs: Costs) -> float:
    """Seconds, for the square of one image, of the Gram matrices of all layers of a tile and of their products."""
    models = list(dict.fromkeys([*first, *second]))
    layers = [size for model in models for size in costs[model]["features"].values()]
    # Half of each symmetric matrix, of two operations an entry.
    return (sum(layers) + len(layers) ** 2 / 2) / _flops(models, costs)


def _solving(first: Sequence[str], second: Sequence[str], fitted: int, costs: Costs) -> float:
    """Seconds of the least squares fits between the penultimate layers of all pairs of a tile."""
    wide = {model: costs[model]["features"].get("penultimate", 0) for model in (*first, *second)}
    decomposed = sum(8 * fitted * wide[body] * min(fitted, wide[body]) for body in first)
    fits = sum(4 * fitted * wide[body] * wide[head] for body in first for head in second)
    return (decomposed + fits) / _flops([*first, *second], costs)


def _flops(models: Sequence[str], costs: Costs) -> float:
    return min(costs[model]["flops"] for model in models)
