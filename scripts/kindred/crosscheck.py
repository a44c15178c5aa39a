"""What has to agree across the sections of a configuration, each of which fits the schema by itself."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from kindred import origins
from kindred.schema import channels, chosen, evaluation_images, source, sources, training_images, whole
from kindred.wording import Keys, dotted, listed, shown, suggestion

SET_BY_STUDY = ("num_classes", "in_chans", "img_size", "pretrained", "checkpoint_path")
NATURAL = "natural"  # the name of the unchanged images wherever attacks and inversions are named
INVERTED_ONLY = ("stir", "stir_biased")  # measures that compare inverted images with natural ones
FEWEST_IN_A_BATCH = 4  # unbiased HSIC divides by n - 3
COLOURS = 3
BALLS = ("linf", "l2")  # threat models that are balls of pixels
FEWEST_COMPARED = 5  # the jackknife leaves one out


def disagreements(config: dict[str, Any]) -> Iterator[str]:
    """Sentences about what fits its own key but not the rest of a filled config."""
    if not config["models"] and config["similarity"]["external"] is None:
        yield f"The configuration has no models, which must be {whole()['properties']['models']['allowed']}."
    yield from _names(config)
    yield from _images(config)
    for name, recipe in config["trainings"].items():
        yield from _recipe(("trainings", name), recipe, list(recipe), config)
    for name, entry in config["models"].items():
        yield from model_sentences(("models", name), entry, config)
    for name, attack in config["attacks"].items():
        yield from attack_sentences(name, attack)
    for section in ("attacks", "inversions"):
        for name, entry in config[section].items():
            yield from at_most((section, name, "images"), entry["images"], *_evaluation(config))
    if config["gradients"]:
        yield from at_most(("gradients", "images"), config["gradients"]["images"], *_evaluation(config))
    if config["stitching"]:
        most, why = training_images(config), "the images left for training"
        yield from at_most(("stitching", "images"), config["stitching"]["images"], most, why)
    yield from _similarity(config)
    yield from _sat(config)
    if config["published"]:
        yield from _published(config)
    yield from _figures(config)


def attack_sentences(name: str, attack: dict[str, Any]) -> Iterator[str]:
    """What is wrong with one attack by itself."""
    yield from _ball(("attacks", name), attack)
    yield from _turns(("attacks", name), attack)
    for key, usual in (("method", "pgd"), ("momentum", 0), ("diversity", 0)):
        if attack["norm"] not in BALLS and attack[key] != usual:
            given = f"attacks.{name}.{key} is {shown(attack[key])}"
            yield f"{given}, but must be left out where norm is {attack['norm']}."
    if attack["restarts"] > 1 and not attack["random_start"]:
        yield f"attacks.{name}.restarts is {attack['restarts']}, but must be 1 where random_start is false."
    for key in ("step_size", "momentum") if attack["method"] == "apgd" else ():
        if attack[key]:
            yield f"attacks.{name}.{key} is {attack[key]:g}, but apgd chooses it itself; leave it out."


def _names(config: dict[str, Any]) -> Iterator[str]:
    for section in ("models", "trainings", "attacks", "inversions"):
        seen: dict[str, str] = {}
        for name in config[section]:
            other = seen.setdefault(name.lower(), name)
            if other != name:
                both = f"'{other}' and '{name}'"
                yield f"{section} has the names {both}, but names must differ in more than upper and lower case."
            if section in ("attacks", "inversions") and name.lower() == NATURAL:
                yield f"{section}.{name} must have another name: '{NATURAL}' stands for the images as they are."
    attacks = {name.lower() for name in config["attacks"]}
    for name in config["inversions"]:
        if name.lower() in attacks:
            yield f"inversions.{name} has the name of an attack, but must have another one."


def _images(config: dict[str, Any]) -> Iterator[str]:
    facts, images = source(config), config["images"]
    if "images" in facts:
        most = facts["images"] - facts["kept_for_training"]
        kept = f"{facts['kept_for_training']} of them kept for training"
        why = f"{facts['const']} holds {facts['images']:,} images, {kept}"
        yield from at_most(("images", "evaluation"), images["evaluation"], most, why)
    needs, takes = (facts.get(key, []) for key in ("needs", "takes"))
    own = dict.fromkeys(
        key for entry in sources() for key in (*entry.get("needs", []), *entry.get("takes", []))
    )
    for key in own:
        if key in needs and images[key] is None:
            yield f"images.{key} is missing, but the source {facts['const']} needs it."
        if key not in (*needs, *takes) and images[key] is not None:
            yield f"images.{key} is {shown(images[key])}, but must be left out: the source {facts['const']} has none."
    if "images" not in facts and images["training"] is None:
        fitted = [f"models.{name}" for name, entry in config["models"].items() if "training" in entry]
        fitted += ["stitching"] if config["stitching"] else []
        if fitted:
            yield (
                f"images.training is missing, but the source {facts['const']} needs it: {fitted[0]} takes images to "
                "train on."
            )
    for key in ("mean", "std"):
        yield from _per_channel(("images", key), images[key], config)


def model_sentences(at: Keys, entry: dict[str, Any], config: dict[str, Any]) -> Iterator[str]:
    """What is wrong with one model's entry beside the rest of the config."""
    if "python" not in entry:  # a function of the user's takes what it likes
        for argument in SET_BY_STUDY:
            if argument in entry.get("arguments", ()):
                yield f"{dotted((*at, 'arguments', argument))} must be left out: the pipeline sets it itself."
    if "training" not in entry:
        yield from _imported(at, entry, config)
        return
    yield from unknown((*at, "training"), entry["training"], "a training", config["trainings"])
    recipe, adjust = config["trainings"][entry["training"]], entry["adjust"]
    kind = chosen({"$ref": "#/$defs/training"}, recipe)
    for key in adjust:
        if key not in kind["properties"]:
            keys = ", ".join(known for known in kind["properties"] if known != "method")
            yield (
                f"{dotted((*at, 'adjust', key))} is {shown(adjust[key])}, but '{entry['training']}' is "
                f"{kind['title']}, of which only {keys} can be adjusted."
            )
    if adjust:
        yield from _recipe((*at, "adjust"), recipe | adjust, list(adjust), config)


def _imported(at: Keys, entry: dict[str, Any], config: dict[str, Any]) -> Iterator[str]:
    for key, other in (("mean", "std"), ("std", "mean")):
        if entry.get(key) is not None:
            given = f"{dotted((*at, key))} is {shown(entry[key])}"
            if entry[other] is None:
                yield f"{given} and {other} is missing, but they must come together."
            if entry.get("value_range"):
                yield f"{given} and there is a value_range, but a model has one of them."
            yield from _per_channel((*at, key), entry[key], config)
    if entry.get("value_range") and not entry["value_range"][0] < entry["value_range"][1]:
        yield f"{dotted((*at, 'value_range'))} is {shown(entry['value_range'])}, but must rise."
    trained = entry["trained"]
    if trained is not None:
        if (trained["norm"] is None) != (trained["eps"] == 0):
            yield (
                f"{dotted((*at, 'trained'))} has norm {trained['norm'] or 'null'} and eps {trained['eps']:g}, "
                "but must have both a norm and an eps above 0, or neither."
            )
        yield from _ball((*at, "trained"), trained)
    if "madrylab" in entry and not origins.parsed(entry["madrylab"])[0]:
        yield (
            f"{dotted((*at, 'madrylab'))} is {shown(entry['madrylab'])}, but must be a name such as "
            f"resnet18_l2_eps3 or resnet50_linf_eps4.0, of {listed(origins.MADRYLAB, 'or')}."
        )
    if "python" in entry and not all(entry["python"].rpartition(":")[::2]):
        yield (
            f"{dotted((*at, 'python'))} is {shown(entry['python'])}, but must be path/to/file.py:function or "
            "package.module:function."
        )
    if "madrylab" in entry or "robustbench" in entry:
        wanted = channels(config)
        if wanted != COLOURS:
            yield (
                f"{dotted(at)} is a model of colour images, but those of {config['images']['source']} have "
                f"{wanted} channel{'s' if wanted > 1 else ''}; images.channels can make them 3."
            )


def _recipe(at: Keys, recipe: dict[str, Any], given: Sequence[str], config: dict[str, Any]) -> Iterator[str]:
    """`given`: the keys that stand at `at`; the others come from the recipe that is adjusted there."""
    left = training_images(config)
    yield from at_most((*at, "batch"), recipe["batch"], left, "the images left for training")
    if recipe["method"] == "standard":
        return
    yield from _ball(at, recipe)
    yield from _turns(at, recipe)
    clean, rise, epochs = recipe["clean_epochs"], recipe["ramp_epochs"], recipe["epochs"]
    if clean + rise and clean + rise >= epochs:
        key = next((k for k in ("ramp_epochs", "clean_epochs", "epochs") if k in given and recipe[k]), None)
        if key:
            yield (
                f"{dotted((*at, key))} is {recipe[key]}, but of {epochs} epochs clean_epochs ({clean}) and "
                f"ramp_epochs ({rise}) must leave at least one at full eps."
            )


def _ball(at: Keys, entry: dict[str, Any]) -> Iterator[str]:
    eps = entry["eps"]
    if entry["norm"] == "linf" and eps > 1:
        hint = f"; {eps:g}/255 is {eps / 255:.4f}" if eps <= 255 else ""
        yield f"{dotted((*at, 'eps'))} is {eps:g}, but must be at most 1 in linf (pixels in [0, 1]{hint})."


def _turns(at: Keys, entry: dict[str, Any]) -> Iterator[str]:
    if entry.get("degrees") and entry["norm"] != "spatial":
        yield f"{dotted((*at, 'degrees'))} is {entry['degrees']:g}, but only norm spatial turns images."


def _similarity(config: dict[str, Any]) -> Iterator[str]:
    similarity, at = config["similarity"], ("similarity", "minibatch", "size")
    if set(similarity["measures"]) <= set(INVERTED_ONLY):
        yield (
            f"similarity.measures is {shown(similarity['measures'])}, but must also hold a measure of natural "
            "images, such as cka_debiased."
        )
    size = similarity["minibatch"]["size"]
    measured = "cka_minibatch" in similarity["measures"] + similarity["layer_measures"]
    if measured:
        yield from at_most(at, size, *_evaluation(config))
    if "cka_minibatch" in similarity["measures"]:
        for name in config["inversions"]:
            yield from at_most(at, size, _inverted(name, config), f"the images of inversions.{name}")
            yield from minibatch_sentences(size, _inverted(name, config), f"the images of inversions.{name}")
    if measured:
        yield from minibatch_sentences(size, evaluation_images(config), "images.evaluation")
    for name in config["inversions"]:
        if _inverted(name, config) < FEWEST_COMPARED:
            yield (
                f"inversions.{name}.images is {_inverted(name, config)}, but must be at least {FEWEST_COMPARED}: "
                "fewer images give no interval."
            )
    if similarity["layer_pairs"] != "all":
        pairs = _unordered(similarity["layer_pairs"])
        for pair, unordered in zip(similarity["layer_pairs"], pairs, strict=True):
            for name in pair:
                yield from unknown(("similarity", "layer_pairs"), name, "a model", config["models"])
            if pairs.count(unordered) > 1:
                yield f"similarity.layer_pairs holds {shown(pair)} twice, but must hold each pair once."


def _published(config: dict[str, Any]) -> Iterator[str]:
    published = config["published"]
    for name in published["architectures"]:
        models = [origins.architecture(entry) for entry in config["models"].values()]
        yield from unknown(("published", "architectures"), name, "the architecture of a model", models)
    yield from unknown(
        ("published", "inversion"), published["inversion"], "an inversion", config["inversions"]
    )
    losses = config["gradients"]["losses"] if config["gradients"] else [published["loss"]]
    for key, section, known in (
        ("measure", "similarity.measures", config["similarity"]["measures"]),
        ("loss", "gradients.losses", losses),
    ):
        if published[key] not in known:
            yield f"published.{key} is '{published[key]}', but must be in {section}, which holds {listed(known)}."


def minibatch_sentences(size: int, images: int, what: str) -> Iterator[str]:
    """A sentence where minibatches of this size would be too small to estimate anything."""
    # Images are split evenly, so the batches may come out smaller than asked for.
    smallest = images // -(-images // size) if images >= size else size
    if smallest < FEWEST_IN_A_BATCH:
        yield (
            f"similarity.minibatch.size is {size}, but splits {images:,} images ({what}) into batches of "
            f"{smallest}; every batch needs at least {FEWEST_IN_A_BATCH}."
        )


def _sat(config: dict[str, Any]) -> Iterator[str]:
    settings = config["sat"]
    if config["similarity"]["external"] is not None:
        return
    if settings["attack"] is not None:
        yield from unknown(("sat", "attack"), settings["attack"], "an attack", config["attacks"])
    taught = settings["distillation"] or {"students": [], "teachers": []}
    for key in ("students", "teachers"):
        for name in taught[key]:
            yield from unknown(("sat", "distillation", key), name, "a model", config["models"])
    for name in taught["students"]:
        recipe = config["trainings"].get(config["models"][name].get("training"), {})
        if recipe.get("method") != "standard":
            yield f"sat.distillation.students holds '{name}', but students must be trained here by method standard."
    if taught["students"] and not any(set(taught["students"]) - {teacher} for teacher in taught["teachers"]):
        yield f"sat.distillation.teachers holds only the student '{taught['students'][0]}'; it needs another model."
    count, models = settings["clusters"]["count"], len(config["models"])
    yield from at_most(("sat", "clusters", "count"), count, models - 1, f"there are {models} models")


def _figures(config: dict[str, Any]) -> Iterator[str]:
    figures, similarity = config["figures"], config["similarity"]
    for figure, key in (("similarity", "measures"), ("layers", "layer_measures")):
        if figures[figure] and figures[figure]["measure"] not in similarity[key]:
            yield (
                f"figures.{figure}.measure is '{figures[figure]['measure']}', but must be in similarity.{key}, "
                f"which holds {listed(similarity[key])}."
            )
    for figure, key, kind in (
        ("similarity", "inversion", "an inversion"),
        ("gallery", "inversion", "an inversion"),
        ("transfer", "attack", "an attack"),
    ):
        if figures[figure] and figures[figure][key] is not None:
            yield from unknown(("figures", figure, key), figures[figure][key], kind, config[f"{key}s"])
    if figures["transfer"] and len(config["models"]) < 2:
        yield "figures.transfer is drawn of 1 model, but needs at least 2."
    if figures["gallery"]:
        for name in figures["gallery"]["models"]:
            yield from unknown(("figures", "gallery", "models"), name, "a model", config["models"])
        inversion = figures["gallery"]["inversion"]
        most, why = _inverted(inversion, config), f"the images of inversions.{inversion}"
        yield from at_most(("figures", "gallery", "examples"), figures["gallery"]["examples"], most, why)
    if figures["layers"]:
        for pair in figures["layers"]["panels"]:
            for name in pair:
                yield from unknown(("figures", "layers", "panels"), name, "a model", config["models"])
            pairs = similarity["layer_pairs"]
            if pairs != "all" and sorted(pair) not in _unordered(pairs):
                yield f"figures.layers.panels holds {shown(pair)}, which is not in similarity.layer_pairs."


def at_most(at: Keys, value: int | None, most: int, why: str) -> Iterator[str]:
    """A sentence where a number of the config is larger than can be."""
    if value is not None and value > most:
        yield f"{dotted(at)} is {value}, but must be at most {most:,}: {why}."


def _inverted(name: str, config: dict[str, Any]) -> int:
    return config["inversions"][name]["images"] or evaluation_images(config)


def _evaluation(config: dict[str, Any]) -> tuple[int, str]:
    return evaluation_images(config), "images.evaluation"


def _per_channel(at: Keys, value: list[float], config: dict[str, Any]) -> Iterator[str]:
    wanted = channels(config)
    if len(value) != wanted:
        numbers = f"{wanted} number{'s' if wanted > 1 else ''}, one a channel of {config['images']['source']}"
        yield f"{dotted(at)} is {shown(value)}, but must hold {numbers}."


def unknown(at: Keys, name: str, kind: str, names: Iterable[str]) -> Iterator[str]:
    """A sentence where the config names what it does not have."""
    if name not in names:
        yield f"{dotted(at)} names {shown(name)}, which is not {kind}{suggestion(name, names)}"


def _unordered(pairs: Iterable[list[str]]) -> list[list[str]]:
    return [sorted(pair) for pair in pairs]
