"""What has to agree in the section `cianfarani` of a configuration, and with the rest of it."""

from collections.abc import Iterator
from typing import Any

from kindred import origins
from kindred.crosscheck import at_most, attack_sentences, minibatch_sentences, model_sentences, unknown
from kindred.schema import evaluation_images, source
from kindred.wording import Keys, dotted, shown

SEEN = ("natural", "training")
AT = "cianfarani"


def disagreements(config: dict[str, Any]) -> Iterator[str]:
    """Sentences about what fits its own key but not the rest of a filled config."""
    own = config["cianfarani"]
    if not own:
        return
    yield from _names(config)
    for name, entry in own["models"].items():
        yield from model_sentences((AT, "models", name), entry, config)
    for name, attack in own["attacks"].items():
        yield from (f"{AT}.{sentence}" for sentence in attack_sentences(name, attack))
        yield from at_most((AT, "attacks", name, "images"), attack["images"], *_evaluation(config))
    yield from at_most((AT, "images"), own["images"], *_evaluation(config))
    shown_images = own["images"] or evaluation_images(config)
    if "cka_minibatch" in (own["measure"], *own["estimators"]):
        size = config["similarity"]["minibatch"]["size"]
        yield from at_most(("similarity", "minibatch", "size"), size, shown_images, f"the images of {AT}")
        yield from minibatch_sentences(size, shown_images, f"the images of {AT}")
    if own["measure"] in own["estimators"]:
        yield f"{AT}.estimators holds '{own['measure']}', which is {AT}.measure, but must hold others."
    yield from _panels(config)
    yield from _epochs(config)
    trained = [name for name, entry in own["models"].items() if "training" in entry]
    if trained and "images" not in source(config) and config["images"]["training"] is None:
        yield f"images.training is missing, but {AT}.models.{trained[0]} takes images to train on."
    models, attacks = _models(config), _attacks(config)
    named: list[tuple[Keys, list[str], Any, str]] = []
    if own["benign"]:
        named += [((AT, "benign", "models"), own["benign"]["models"], models, "a model")]
        named += [((AT, "benign", "attacks"), own["benign"]["attacks"], attacks, "an attack")]
    for name, series in own["series"].items():
        named += [((AT, "series", name, "models"), series["models"], models, "a model")]
        named += [((AT, "series", name, "attacks"), series["attacks"], attacks, "an attack")]
    named += [((AT, "alignments"), pair, models, "a model") for pair in own["alignments"]]
    for at, names, known, kind in named:
        for name in names:
            yield from unknown(at, name, kind, known)
    for a, b in own["alignments"]:
        if _design(models[a]) != _design(models[b]):
            yield f"{AT}.alignments holds {shown([a, b])}, but both must be of one architecture, layer for layer."
    for name in own["benign"]["attacks"] if own["benign"] else ():
        yield from _enough((AT, "benign", "attacks"), name, config)


def _models(config: dict[str, Any]) -> dict[str, Any]:
    return {**config["models"], **config["cianfarani"]["models"]}


def _attacks(config: dict[str, Any]) -> dict[str, Any]:
    return {**config["attacks"], **config["cianfarani"]["attacks"]}


def _design(entry: dict[str, Any]) -> tuple[Any, ...]:
    return origins.architecture(entry), entry.get("arguments"), entry.get("input_size")


def _evaluation(config: dict[str, Any]) -> tuple[int, str]:
    return evaluation_images(config), "images.evaluation"


def _names(config: dict[str, Any]) -> Iterator[str]:
    own = config["cianfarani"]
    for section, others in (("models", ["models"]), ("attacks", ["attacks", "inversions"])):
        taken = {name.lower(): f"{other}.{name}" for other in others for name in config[other]}
        for name in own[section]:
            if name.lower() in (*SEEN, *taken):
                holder = taken.get(name.lower(), "a word for images")
                yield f"{AT}.{section}.{name} must have another name, as {holder} has this one."
            taken[name.lower()] = f"{AT}.{section}.{name}"


def _panels(config: dict[str, Any]) -> Iterator[str]:
    models, attacks = _models(config), _attacks(config)
    for place, panel in enumerate(config["cianfarani"]["panels"]):
        at: Keys = (AT, "panels", place)
        for side in ("rows", "columns"):
            yield from unknown((*at, side), panel[side], "a model", models)
            seen = panel[f"{side}_see"]
            made_by, found, model = seen.partition("@")
            if not found and seen not in SEEN:
                yield (
                    f"{dotted((*at, side + '_see'))} is {shown(seen)}, but must be natural, training, or the "
                    "adversarial images attack@model."
                )
            if found:
                yield from unknown((*at, f"{side}_see"), made_by, "an attack", attacks)
                yield from unknown((*at, f"{side}_see"), model, "a model", models)
                yield from _enough((*at, f"{side}_see"), made_by, config)
        if (panel["rows_see"] == "training") != (panel["columns_see"] == "training"):
            mixed = "shows training images to one model and others to the other"
            yield f"{dotted(at)} {mixed}, but must show both the same."
    natural = [
        panel
        for panel in config["cianfarani"]["panels"]
        if panel["rows_see"] == panel["columns_see"] == "natural"
    ]
    if config["cianfarani"]["published"] and len(natural) < 3:
        yield f"{AT}.published is true, but needs three panels on natural images: standard, robust, and both."


def _enough(at: Keys, attack: str, config: dict[str, Any]) -> Iterator[str]:
    """Adversarial images of all images that are shown."""
    needed = config["cianfarani"]["images"] or evaluation_images(config)
    made = _attacks(config).get(attack, {}).get("images") or evaluation_images(config)
    if made < needed:
        yield f"{dotted(at)} names '{attack}', which attacks {made} images, but {needed} are compared."


def _epochs(config: dict[str, Any]) -> Iterator[str]:
    settings, models = config["cianfarani"]["epochs"], _models(config)
    if not settings:
        return
    for name in settings["models"]:
        yield from unknown((AT, "epochs", "models"), name, "a model", models)
        entry = models[name]
        if "training" not in entry:
            yield f"{AT}.epochs.models holds '{name}', but only models that are trained here have epochs."
            continue
        recipe = {**config["trainings"][entry["training"]], **entry["adjust"]}
        for epoch in settings["at"]:
            if epoch >= recipe["epochs"]:
                yield f"{AT}.epochs.at holds {epoch}, but '{name}' is trained for {recipe['epochs']} epochs."
    if settings["attack"] is not None:
        yield from unknown((AT, "epochs", "attack"), settings["attack"], "an attack", _attacks(config))
    yield from at_most((AT, "epochs", "images"), settings["images"], *_evaluation(config))
