"""What has to agree across the sections of a configuration, each of which is right by itself."""

import symtable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kindred.attacks.catalogue import STRONGEST
from kindred.config import numbers
from kindred.config.entries import attack_entries, channels, model_entries, recipe_of, sections
from kindred.config.layerwise import IMAGE_SETS
from kindred.config.messages import Keys, dotted, listed, messages, shown, suggestion
from kindred.config.numbers import at_most, at_most_training, inverted, minibatch
from kindred.config.reference import json_schema
from kindred.config.study import Study
from kindred.images.catalogue import SOURCES
from kindred.models.catalogue import SOURCES as MODEL_SOURCES
from kindred.models.catalogue import facts_of, source_of
from kindred.similarity.catalogue import OWN_PATTERN, measure
from kindred.training.catalogue import METHODS

NATURAL = "natural"  # the name of the unchanged images wherever attacks and inversions are named
Config = dict[str, Any]


def mistakes(config: Config) -> Iterator[str]:
    """Messages about a filled config whose sections do not agree."""
    if not config["models"] and config["similarity"]["external"] is None:
        yield "The configuration has no models, which must be a map of at least one model, each a name and its entry."
        return
    checks = (
        _unknown_names,
        _names,
        _images,
        _trainings,
        _models,
        numbers.of_parts,
        numbers.of_comparisons,
        numbers.of_classes,
        _own_measures,
    )
    for check in (*checks, _published, _sat, _figures, _layerwise):
        yield from check(config)


def _unknown_names(config: Config) -> Iterator[str]:
    """Names of models, attacks and the like that do not exist, found by validating once more with all that do."""
    external = config["similarity"]["external"] is not None  # whose models and attacks are those of a table
    study = {**config, "models": config["models"] or None, "layerwise": None, "sat": {} if external else config["sat"]}
    within = {"layerwise": config["layerwise"]}  # may name what it adds to the study as well
    for part, models, attacks in (
        (study, config["models"], config["attacks"]),
        (within, model_entries(config), attack_entries(config)),
    ):
        names = {"a model": models, "an attack": attacks}
        names |= {"an inversion": config["inversions"], "a training": config["trainings"]}
        try:
            Study.model_validate(part, context=names)
        except ValidationError as error:
            yield from dict.fromkeys(messages(error.errors(include_url=False), json_schema()))


def _names(config: Config) -> Iterator[str]:
    for section in ("models", "trainings", "attacks", "inversions"):
        seen: dict[str, str] = {}
        for name in config[section]:
            other = seen.setdefault(name.lower(), name)
            if other != name:
                both = f"'{other}' and '{name}'"
                yield f"{section} has the names {both}, but names must differ in more than upper and lower case."
            if section in ("attacks", "inversions") and name.lower() == NATURAL:
                yield f"{section}.{name} must have another name: '{NATURAL}' stands for the images as they are."
            if section == "attacks" and name.lower() == STRONGEST:
                yield f"attacks.{name} must have another name: '{STRONGEST}' stands for all attacks together."
            if section == "inversions" and name.lower() in map(str.lower, config["attacks"]):
                yield f"inversions.{name} has the name of an attack, but must have another one."
    for at, entries in sections(config, "models")[1:] + sections(config, "attacks")[1:]:
        kinds = ["models"] if at[-1] == "models" else ["attacks", "inversions"]
        taken = {name.lower(): f"{kind}.{name}" for kind in kinds for name in config[kind]}
        for name in entries:
            if name.lower() in (*IMAGE_SETS, *taken):
                holder = taken.get(name.lower(), "a word for images")
                yield f"{dotted((*at, name))} must have another name, as {holder} has this one."
            taken[name.lower()] = dotted((*at, name))


def _images(config: Config) -> Iterator[str]:
    images = config["images"]
    source = SOURCES[images["source"]]
    if source.total:
        most, kept = source.total - source.reserved, f"{source.reserved} of them kept for training"
        why = f"{images['source']} holds {source.total:,} images, {kept}"
        yield from at_most(("images", "evaluation"), images["evaluation"], most, why)
    elif images["training"] is None:
        models = [(dotted((*at, name)), one) for at, some in sections(config, "models") for name, one in some.items()]
        fitted = [name for name, one in models if "training" in one] + ["stitching"] * bool(config["stitching"])
        needs = f"images.training is missing, but the source {images['source']} needs it"
        yield from (f"{needs}: {name} takes images to train on." for name in fitted[:1])
    for key in ("mean", "std"):
        yield from _per_channel(("images", key), images[key], config)


def _trainings(config: Config) -> Iterator[str]:
    for name, recipe in config["trainings"].items():
        yield from at_most_training(("trainings", name, "batch"), recipe["batch"], config)


def _models(config: Config) -> Iterator[str]:
    wanted = channels(config)
    images = f"those of {config['images']['source']} have {wanted} channel{'s' if wanted > 1 else ''}"
    for at, name, entry in ((at, *one) for at, some in sections(config, "models") for one in some.items()):
        if "training" in entry:
            yield from _recipe((*at, name), entry, config)
            continue
        for key in ("mean", "std"):
            if entry.get(key) is not None:
                yield from _per_channel((*at, name, key), entry[key], config)
        if MODEL_SOURCES[source_of(entry)].colour and wanted != 3:
            yield f"{dotted((*at, name))} is a model of colour images, but {images}; images.channels can make them 3."


def _recipe(at: Keys, entry: dict[str, Any], config: Config) -> Iterator[str]:
    """The training of a model, and the keys of it that the model adjusts."""
    if entry["training"] not in config["trainings"]:
        return
    recipe, adjust = recipe_of(config, entry), entry["adjust"]
    kind = METHODS[config["trainings"][entry["training"]]["method"]].settings
    for key in adjust:
        if key == "method" or key not in kind.model_fields:
            keys = ", ".join(known for known in kind.model_fields if known != "method")
            title = kind.model_config.get("title")
            yield (
                f"{dotted((*at, 'adjust', key))} is {shown(adjust[key])}, but '{entry['training']}' is {title}, of "
                f"which only {keys} can be adjusted."
            )
            return
    if not adjust:
        return
    at = (*at, "adjust")
    try:
        checked = kind.model_validate(recipe).model_dump(mode="python")
    except ValidationError as error:
        key, _, text = messages(error.errors(include_url=False), json_schema(kind))[0].partition(" ")
        about = dotted((*at, key)) if key in adjust else f"{dotted(at)} makes a training whose {key}"
        yield f"{about} {text}"
        return
    entry["adjust"] = {key: checked[key] for key in adjust}
    if "batch" in adjust:
        yield from at_most_training((*at, "batch"), checked["batch"], config)


def _own_measures(config: Config) -> Iterator[str]:
    """Measures of the user's own whose file cannot be read, or does not have the function; it is not run."""
    for name in config["similarity"]["measures"]:
        if not (own := OWN_PATTERN.match(name)):
            continue
        start = f"similarity.measures names '{name}', but "
        path = Path(own["file"])
        try:
            symbols = symtable.symtable(path.read_text("utf-8"), str(path), "exec").get_symbols()
        except FileNotFoundError:
            yield f"{start}the file does not exist in '{Path.cwd()}'."
        except (OSError, SyntaxError, ValueError) as error:
            yield f"{start}the file cannot be read as Python ({error})."
        else:
            if not any(
                one.get_name() == own["function"] and (one.is_assigned() or one.is_imported()) for one in symbols
            ):
                yield f"{start}the file defines no function '{own['function']}'."


def _published(config: Config) -> Iterator[str]:
    published, gradients = config["published"], config["gradients"]
    if not published:
        return
    models = [facts_of(entry).architecture for entry in config["models"].values()]
    for name in published["architectures"]:
        if name not in models:
            kind = f"which is not the architecture of a model{suggestion(name, models)}"
            yield f"published.architectures names {shown(name)}, {kind}"
    measures = config["similarity"]["measures"]
    yield from _one_of(("published", "measure"), published["measure"], "similarity.measures", measures)
    if gradients:
        yield from _one_of(("published", "loss"), published["loss"], "gradients.losses", gradients["losses"])


def _sat(config: Config) -> Iterator[str]:
    settings, models = config["sat"], config["models"]
    if config["similarity"]["external"] is not None:
        return
    taught = settings["distillation"] or {"students": [], "teachers": []}
    for name in filter(models.get, taught["students"]):
        training = models[name].get("training")
        recipe = config["trainings"].get(training, {})
        if recipe.get("method") != "standard" and training in (None, *config["trainings"]):
            yield f"sat.distillation.students holds '{name}', but students must be trained here by method standard."
    if taught["students"] and not any(set(taught["students"]) - {teacher} for teacher in taught["teachers"]):
        yield f"sat.distillation.teachers holds only the student '{taught['students'][0]}'; it needs another model."
    at: Keys = ("sat", "clusters", "count")
    yield from at_most(at, settings["clusters"]["count"], len(models) - 1, f"there are {len(models)} models")


def _figures(config: Config) -> Iterator[str]:
    for figure, own in config["figures"].items():
        if not isinstance(own, dict):
            continue
        at: Keys = ("figures", figure)
        if own.get("measure") is not None:
            key = "layer_measures" if figure == "layers" else "measures"
            yield from _one_of((*at, "measure"), own["measure"], f"similarity.{key}", config["similarity"][key])
        inversion = own.get("inversion") or next(iter(config["inversions"]), "")
        if figure == "gallery" and inversion in config["inversions"]:
            most, why = inverted(inversion, config), f"the images of inversions.{inversion}"
            yield from at_most((*at, "examples"), own["examples"], most, why)


def _layerwise(config: Config) -> Iterator[str]:
    own = config["layerwise"]
    if not own:
        return
    models, attacks = model_entries(config), attack_entries(config)
    compared = own["images"] or config["images"]["evaluation"]
    if any(measure(name).minibatches for name in (own["measure"], *own["estimators"])):
        yield from minibatch(config["similarity"]["minibatch"]["size"], compared, "the images of layerwise")
    adversarial: list[tuple[Keys, str]] = [
        (("layerwise", "panels", place, key), panel[key].partition("@")[0])
        for place, panel in enumerate(own["panels"])
        for key in ("row_images", "column_images")
    ]
    adversarial += [
        (("layerwise", "benign", "attacks"), name) for name in (own["benign"] or {"attacks": ()})["attacks"]
    ]
    for at, name in adversarial:
        made = attacks.get(name, {}).get("images")
        if made and made < compared:
            yield f"{dotted(at)} names '{name}', which attacks {made} images, but {compared} are compared."
    for a, b in own["alignments"]:
        if a in models and b in models and _design(models[a]) != _design(models[b]):
            yield f"layerwise.alignments holds {shown([a, b])}, but both must be of one architecture, layer for layer."
    for name in (own["epochs"] or {"models": ()})["models"]:
        yield from _kept(name, models.get(name), config)


def _kept(name: str, entry: dict[str, Any] | None, config: Config) -> Iterator[str]:
    """Whether weights of a model can be kept after the epochs that are asked for."""
    if entry is None or entry.get("training") not in (None, *config["trainings"]):
        return
    if "training" not in entry:
        yield f"layerwise.epochs.models holds '{name}', but only models that are trained here have epochs."
        return
    last = recipe_of(config, entry)["epochs"]
    for epoch in config["layerwise"]["epochs"]["at"]:
        if epoch >= last:
            yield f"layerwise.epochs.at holds {epoch}, but '{name}' is trained for {last} epochs."


def _design(entry: dict[str, Any]) -> tuple[Any, ...]:
    return facts_of(entry).architecture, entry.get("arguments"), entry.get("input_size")


def _per_channel(at: Keys, value: list[float], config: Config) -> Iterator[str]:
    wanted = channels(config)
    if len(value) != wanted:
        count = f"{wanted} number{'s' if wanted > 1 else ''}, one per channel of {config['images']['source']}"
        yield f"{dotted(at)} is {shown(value)}, but must hold {count}."


def _one_of(at: Keys, value: str, where: str, known: list[str]) -> Iterator[str]:
    if value not in known:
        yield f"{dotted(at)} is '{value}', but must be in {where}, which holds {listed(known)}."
