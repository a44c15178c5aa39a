"""What a study will cost: jobs, hours, memory and disk of each stage, from its config and what a pass was seen to cost.

Passes are counted, not guessed: so many images, times steps, times models or pairs of models, as the config says.
Seconds of a pass are measured (kindred.costs). Light rules (tables, figures) are left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kindred.config import model_entry
from kindred.tiles import deal

FLOAT = 4  # bytes
NOTE = """Measured here on a few images. Hours are those of one device, memory is that of the largest job: runtime
and mem_mb of the rules must allow for the longest and the largest. Light rules are left out, and so is what hwang2024
and cianfarani2022 make beyond the stages above."""
COLUMNS = ("stage", "jobs", "hours", "longest_job", "memory_mb", "gpu_memory_mb", "disk_gb")


@dataclass(frozen=True)
class Sizes:
    """Of the study's images: how many to measure on and to train on, numbers in one of them."""

    evaluation: int
    training: int
    pixels: int


@dataclass(frozen=True)
class Stage:
    """One rule's jobs: seconds of each, and bytes on disk and in memory (of the largest) that they take in all."""

    name: str
    seconds: tuple[float, ...]
    disk: float
    models: int = 1  # in the memory of one job at a time


Costs = Mapping[str, Mapping[str, Any]]


def stages(config: Mapping[str, Any], sizes: Sizes, costs: Costs) -> list[Stage]:
    """Every stage of a checked config that computes; costs: {model: what kindred.costs measured of its network}."""
    found = [
        _training(config, sizes, costs),
        _importing(config, sizes, costs),
        _attacks(config, sizes, costs),
        _inversions(config, sizes, costs),
        _activations(config, sizes, costs),
        *_comparisons(config, sizes, costs),
    ]
    return [stage for stage in found if stage.seconds]


def rows(found: Sequence[Stage], costs: Costs) -> list[dict[str, Any]]:
    """The forecast as a table, one row a stage and one for the whole. `start` of the costs is added to each job."""
    start = max(each["start"] for each in costs.values())
    host, gpu = (max(each[key] for each in costs.values()) for key in ("host_mb", "gpu_mb"))
    weights = max(each["parameters"] for each in costs.values()) * FLOAT / 2**20
    table = []
    for stage in found:
        seconds = [each + start for each in stage.seconds]
        more = (stage.models - 1) * weights
        table.append(
            {
                "stage": stage.name,
                "jobs": len(seconds),
                "hours": sum(seconds) / 3600,
                "longest_job": max(seconds) / 3600,
                "memory_mb": host + more,
                "gpu_memory_mb": gpu + more if gpu else 0.0,
                "disk_gb": stage.disk / 1e9,
            }
        )
    whole = {key: sum(row[key] for row in table) for key in ("jobs", "hours", "disk_gb")}
    peaks = {
        key: max(row[key] for row in table) if table else 0
        for key in ("longest_job", "memory_mb", "gpu_memory_mb")
    }
    return [*table, {"stage": "all", **whole, **peaks}]


def written(table: Sequence[Mapping[str, Any]], device: str) -> str:
    """The table for people to read."""
    where = "GPU hours" if device in ("cuda", "mps") else "CPU hours"
    lines = [f"{'stage':22}{'jobs':>7}{where:>12}{'longest job':>13}{'memory':>10}{'GPU':>10}{'disk':>11}"]
    for row in table:
        gpu = f"{row['gpu_memory_mb'] / 1e3:.1f} GB" if row["gpu_memory_mb"] else "-"
        lines.append(
            f"{row['stage']:22}{row['jobs']:7,}{_hours(row['hours']):>12}{_length(row['longest_job']):>13}"
            f"{row['memory_mb'] / 1e3:7.1f} GB{gpu:>10}{_size(row['disk_gb']):>11}"
        )
    return "\n".join(lines)


def number(column: str, value: str) -> Any:
    """A value as it comes back from the file."""
    return value if column in ("stage", "device") else int(value) if column == "jobs" else float(value)


def _hours(hours: float) -> str:
    return f"{hours:,.2f}" if hours >= 0.1 else f"{hours:.4f}"


def _size(gigabytes: float) -> str:
    return f"{gigabytes:,.1f} GB" if gigabytes >= 1 else f"{gigabytes * 1e3:,.1f} MB"


def _length(hours: float) -> str:
    return (
        f"{hours:.1f} h"
        if hours >= 1
        else f"{hours * 60:.0f} min"
        if hours * 60 >= 1
        else f"{hours * 3600:.0f} s"
    )


def _training(config: Mapping[str, Any], sizes: Sizes, costs: Costs) -> Stage:
    seconds, disk = [], 0.0
    for name, entry in config["models"].items():
        if "training" not in entry:
            continue
        recipe, cost = model_entry(config, name)["recipe"], costs[name]
        shown = max(1, sizes.training // recipe["batch"]) * recipe["batch"]
        attacked = max(0, recipe["epochs"] - (recipe.get("clean_epochs") or 0)) if recipe["eps"] else 0
        steps = attacked * (recipe.get("steps") or 0)
        passes = shown * (recipe["epochs"] * cost["training"] + steps * cost["attack"])
        seconds.append(passes + sizes.evaluation * cost["forward"])
        disk += cost["parameters"] * FLOAT
    return Stage("train_model", tuple(seconds), disk)


def _importing(config: Mapping[str, Any], sizes: Sizes, costs: Costs) -> Stage:
    imported = [name for name, entry in config["models"].items() if "training" not in entry]
    seconds = tuple(sizes.evaluation * costs[name]["forward"] for name in imported)
    return Stage("import_checkpoint", seconds, sum(costs[name]["parameters"] * FLOAT for name in imported))


def _shown(settings: Mapping[str, Any], sizes: Sizes) -> int:
    """The first so many images, all of them where a setting says null."""
    return min(settings.get("images") or sizes.evaluation, sizes.evaluation)


def _attacks(config: Mapping[str, Any], sizes: Sizes, costs: Costs) -> Stage:
    seconds, disk = [], 0.0
    for settings in config["attacks"].values():
        count = _shown(settings, sizes)
        steps = settings["steps"] * settings["restarts"]
        for model in config["models"]:
            seconds.append(count * (steps * costs[model]["attack"] + 2 * costs[model]["forward"]))
            disk += count * sizes.pixels * FLOAT
    return Stage("attack_model", tuple(seconds), disk)


def _inversions(config: Mapping[str, Any], sizes: Sizes, costs: Costs) -> Stage:
    seconds, disk = [], 0.0
    for settings in config["inversions"].values():
        count = _shown(settings, sizes)
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
        _shown(settings, sizes) * (1 + len(first)) * forward(second)
        for settings in config["attacks"].values()
        for first, second in ordered
    ]
    classes = FLOAT * sizes.evaluation * len(config["models"]) * (1 + len(config["models"]))
    yield Stage("cross_evaluate", tuple(answering), classes * len(config["attacks"]))

    yield Stage(
        "compare_activations",
        tuple(sizes.evaluation**2 * _products(first, second, costs) for first, second in unordered),
        0.0,
    )

    answering = [
        _shown(settings, sizes) * (forward(first) + (1 + len(first)) * forward(second))
        for settings in config["inversions"].values()
        for first, second in ordered
    ]
    yield Stage("compare_inverted", tuple(answering), 0.0, _largest(ordered))

    if config["gradients"]:
        passes = _shown(config["gradients"], sizes) * len(config["gradients"]["losses"])
        seconds = [
            passes * sum(costs[model]["attack"] for model in dict.fromkeys(first + second))
            for first, second in unordered
        ]
        yield Stage("compare_gradients", tuple(seconds), 0.0, _largest(unordered))
    if config["stitching"]:
        fitted = min(config["stitching"]["images"] or sizes.training, sizes.training)
        seconds = [
            (fitted + sizes.evaluation) * forward(list(dict.fromkeys(first + second)))
            + _solving(first, second, fitted, costs)
            for first, second in ordered
        ]
        yield Stage("stitch_models", tuple(seconds), 0.0)


def _largest(found: Sequence[Tile]) -> int:
    return max(len(set(first + second)) for first, second in found)


def _products(first: Sequence[str], second: Sequence[str], costs: Costs) -> float:
    """Seconds, for the square of one image, of the Gram matrices of all layers of a tile and of their products."""
    models = list(dict.fromkeys([*first, *second]))
    layers = [size for model in models for size in costs[model]["features"].values()]
    return (2 * sum(layers) + len(layers) ** 2) / _flops(models, costs)


def _solving(first: Sequence[str], second: Sequence[str], fitted: int, costs: Costs) -> float:
    """Seconds of the least squares fits between the penultimate layers of all pairs of a tile."""
    wide = {model: costs[model]["features"].get("penultimate", 0) for model in (*first, *second)}
    decomposed = sum(8 * fitted * wide[body] * min(fitted, wide[body]) for body in first)
    fits = sum(4 * fitted * wide[body] * wide[head] for body in first for head in second)
    return (decomposed + fits) / _flops([*first, *second], costs)


def _flops(models: Sequence[str], costs: Costs) -> float:
    return min(costs[model]["flops"] for model in models)
