"""Options of figures where settings leave them open, and what a study may lack for a figure.

Options take a checked config and a figure's settings, and give what its module is handed. Needs take a
checked config and give what it lacks, or an empty text.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kindred.attacks.catalogue import moves
from kindred.config.entries import model_entry
from kindred.figures.layout.budgets import Budget, budgets
from kindred.figures.settings import MOST_SHOWN
from kindred.models.catalogue import facts_of
from kindred.similarity.catalogue import measure as of
from kindred.tables.catalogue import Config, Needs

Own = Mapping[str, Any]
Options = Callable[[Config, Own], dict[str, Any]]


def settings(config: Config, own: Own) -> dict[str, Any]:
    """The figure's own settings, with the study's first inversion and first attack where they name none."""
    first = {key: next(iter(config[f"{key}s"]), None) for key in ("inversion", "attack")}
    return {key: value or first[key] if key in first else value for key, value in own.items()}


def similarity(config: Config, own: Own) -> dict[str, Any]:
    among_models = (name for name in config["similarity"]["measures"] if of(name).between == "models")
    return {**settings(config, own), "measure": own["measure"] or next(among_models)}


def layers(config: Config, own: Own) -> dict[str, Any]:
    names, pairs = list(config["models"])[:2], config["similarity"]["layer_pairs"]
    panels = [[name, name] for name in names] + ([names] if len(names) > 1 else []) if pairs == "all" else pairs[:3]
    return {"measure": own["measure"] or config["similarity"]["layer_measures"][0], "panels": own["panels"] or panels}


def gallery(config: Config, own: Own) -> dict[str, Any]:
    return {**settings(config, own), "models": own["models"] or list(config["models"])[:MOST_SHOWN]}


def measure_of(section: str, **more: Any) -> Options:
    """Gives the measure that a section of the configuration names."""
    return lambda config, own: {"measure": config[section]["measure"], **more}


def sat_attack(config: Config) -> str | None:
    """The attack whose SAT is analysed; None for a table made elsewhere."""
    named = config["sat"]["attack"]
    return named if config["similarity"]["external"] else settings(config, {"attack": named})["attack"]


def sat(config: Config, own: Own) -> dict[str, Any]:
    return {"attack": sat_attack(config)}


def measures(config: Config, own: Own) -> dict[str, Any]:
    """SAT, and of the other measures that stand beside it those that the study has."""
    cka = any(name.startswith("cka") for name in config["similarity"]["measures"])
    more = ["cka"] * cka + ["agreement"] + ["gradients"] * bool(config["gradients"])
    return {"measures": [f"sat_{sat_attack(config)}", *more]}


def attacks(config: Config, own: Own) -> dict[str, Any]:
    return {"measures": [f"sat_{attack}" for attack in config["attacks"]]}


def _lacking(reason: str, has: Callable[[Config], Any]) -> Needs:
    """The reason, unless a study has what is needed."""
    return lambda config: "" if has(config) else reason


def _both_estimators(config: Config) -> bool:
    return {"cka_debiased", "cka_biased"} <= set(config["similarity"]["measures"])


def _alike(config: Config) -> list[list[Any]]:
    """The architectures, with their arguments, of the models that were trained at each budget."""
    trained = {name: model_entry(config, name)["trained"] for name in config["models"]}
    budget = budgets((name, one["training"], one["norm"], one["eps"]) for name, one in trained.items())
    designs: dict[Budget, list[Any]] = {}
    for name, entry in config["models"].items():
        designs.setdefault(budget[name], []).append((facts_of(entry).architecture, entry.get("arguments")))
    return list(designs.values())


def _known_to_jones(config: Config) -> bool:
    """True where two models stand for the paper's: its architectures, with standard training or trained in L2."""
    names = (config["published"] or {}).get("architectures", {})
    entries = [model_entry(config, name) for name in config["models"]]
    known = [entry["trained"]["norm"] in (None, "l2") for entry in entries if facts_of(entry).architecture in names]
    return sum(known) > 1


def three_models(config: Config) -> str:
    enough = config["similarity"]["external"] or len(config["models"]) > 2
    return "" if enough else f"it needs 3 models, and the study has {len(config['models'])}"


def natural(figure: str) -> Needs:
    """The measure that a figure shows must have values on natural images."""

    def needs(config: Config) -> str:
        measure = similarity(config, config["figures"][figure])["measure"]
        return "" if of(measure).between == "models" else f"{measure} has no values on natural images"

    return needs


def panels(*, natural: bool) -> Needs:
    """A panel of `layerwise` must show natural images on both sides, or others."""

    def shown(config: Config) -> bool:
        found = (config["layerwise"] or {"panels": []})["panels"]
        return any((one["row_images"] == one["column_images"] == "natural") == natural for one in found)

    return _lacking(f"no panel of layerwise.panels shows {'natural' if natural else 'other'} images", shown)


def inversions(config: Config) -> Iterable[str]:
    return config["inversions"]


def series(config: Config) -> Iterable[str]:
    return (config["layerwise"] or {"series": {}})["series"]


def comparisons(config: Config) -> Iterable[str]:
    """The series of several models, which can be compared."""
    return [name for name in series(config) if len(config["layerwise"]["series"][name]["models"]) > 1]


def with_null(config: Config) -> str:
    """The attack of the figure of excess must have perturbations that were put on other images."""
    name = settings(config, config["figures"]["excess"] or {"attack": None})["attack"]
    if not config["transfer"]["shuffles"]:
        return "transfer.shuffles is 0"
    moved = name is None or moves(config["attacks"].get(name, {}))
    return "" if moved else f"the perturbations of {name} cannot be put on other images"


layer_pairs = _lacking("similarity.layer_pairs is empty", lambda config: config["similarity"]["layer_pairs"])
two_models = _lacking("it needs 2 models", lambda config: len(config["models"]) > 1)
two_attacks = _lacking("it needs 2 attacks", lambda config: len(config["attacks"]) > 1)
two_estimators = _lacking("similarity.measures does not hold both cka_debiased and cka_biased", _both_estimators)
inverted = _lacking("the study has no inversions", inversions)
trained_alike = _lacking(
    "no two models were trained at one budget", lambda config: any(len(designs) > 1 for designs in _alike(config))
)
architectures_alike = _lacking(
    "no two architectures were trained at one budget",
    lambda config: any(designs.count(designs[0]) < len(designs) for designs in _alike(config)),
)
known_to_jones = _lacking("fewer than 2 of the study's models are in the paper", _known_to_jones)
estimators = _lacking("layerwise.estimators is empty", lambda config: config["layerwise"]["estimators"])
compared = _lacking("no series of layerwise.series has 2 models", comparisons)
