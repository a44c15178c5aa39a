"""How many images the parts of a configuration take: no more than there are, and enough for what is estimated."""

from collections.abc import Iterator
from typing import Any

from kindred.attacks.catalogue import moves
from kindred.config.entries import sections, training_images
from kindred.config.messages import Keys, dotted
from kindred.images.catalogue import SOURCES
from kindred.similarity.catalogue import measure

FEWEST_IN_A_BATCH = 4  # unbiased HSIC divides by n - 3
FEWEST_COMPARED = 5  # the jackknife leaves one out, of each class where images are drawn class by class
Config = dict[str, Any]


def of_parts(config: Config) -> Iterator[str]:
    """Messages about attacks, inversions and the like that take more images than there are."""
    own, evaluated = config["layerwise"], config["images"]["evaluation"]
    entries: list[tuple[Keys, Any]] = [(("gradients",), config["gradients"]), (("layerwise",), own)]
    entries += [(("layerwise", "epochs"), own and own["epochs"])]
    entries += [(("inversions", name), one) for name, one in config["inversions"].items()]
    entries += [((*at, name), one) for at, attacks in sections(config, "attacks") for name, one in attacks.items()]
    for at, entry in entries:
        yield from at_most((*at, "images"), entry and entry["images"], evaluated, "images.evaluation")
    for name, entry in config["attacks"].items():
        if moves(entry):
            made = entry["images"] or evaluated
            why = f"attacks.{name} changes {made} images, and no two may meet twice"
            yield from at_most(("transfer", "shuffles"), config["transfer"]["shuffles"], (made - 1) // 2, why)
    if config["stitching"]:
        yield from at_most_training(("stitching", "images"), config["stitching"]["images"], config)


def of_comparisons(config: Config) -> Iterator[str]:
    """Messages about minibatches and inversions of the wrong number of images to estimate a similarity from."""
    similarity = config["similarity"]
    size = similarity["minibatch"]["size"]
    among_models = any(measure(name).minibatches for name in similarity["measures"])
    if among_models or any(measure(name).minibatches for name in similarity["layer_measures"]):
        yield from minibatch(size, config["images"]["evaluation"], "images.evaluation")
    for name in config["inversions"]:
        count = inverted(name, config)
        if among_models:
            yield from minibatch(size, count, f"the images of inversions.{name}")
        if count < FEWEST_COMPARED:
            yield (
                f"inversions.{name}.images is {count}, but must be at least {FEWEST_COMPARED}: fewer images give no "
                "interval."
            )
        if count == config["images"]["evaluation"] and not training_images(config):
            yield (
                f"inversions.{name}.images is {count}, but must be less than images.evaluation where there are no "
                "images for training: an inversion starts from images that are no targets."
            )


def of_classes(config: Config) -> Iterator[str]:
    """Numbers of images that are too few of each class for debiased measures, of sources whose classes are known."""
    images, layers = config["images"], config["layerwise"]
    classes = SOURCES[images["source"]].classes
    if classes is None or images["choice"] != "balanced":
        return
    similarity = config["similarity"]
    compared: list[tuple[Keys, int | None]] = []
    if any(measure(name).stratified for name in similarity["measures"]):
        compared += [(("inversions", name, "images"), inverted(name, config)) for name in config["inversions"]]
    if compared or any(measure(name).stratified for name in (*similarity["measures"], *similarity["layer_measures"])):
        compared.insert(0, (("images", "evaluation"), images["evaluation"]))
    if layers and (
        layers["alignments"] or any(measure(name).stratified for name in (layers["measure"], *layers["estimators"]))
    ):
        compared += [(("layerwise", "images"), layers["images"])]
    fewest = FEWEST_COMPARED * classes
    for at, count in compared:
        if count is not None and count < fewest:
            yield (
                f"{dotted(at)} is {count}, but must be at least {fewest}: with images.choice balanced debiased "
                f"measures need {FEWEST_COMPARED} images of each of the {classes} classes; with random they do not."
            )


def minibatch(size: int, images: int, what: str) -> Iterator[str]:
    """A message where minibatches of this size would be too large, or too small to estimate anything."""
    at: Keys = ("similarity", "minibatch", "size")
    yield from at_most(at, size, images - 1, f"one batch of all {images:,} ({what}) is cka_debiased")
    # Images are split evenly, so batches may come out smaller than asked for.
    smallest = images // -(-images // size) if images >= size else size
    if smallest < FEWEST_IN_A_BATCH:
        yield (
            f"{dotted(at)} is {size}, but splits {images:,} images ({what}) into batches of {smallest}; every batch "
            f"needs at least {FEWEST_IN_A_BATCH}."
        )


def at_most(at: Keys, value: int | None, most: int, why: str) -> Iterator[str]:
    """A message where a number of the config is larger than can be; where nothing can be, another message says so."""
    if value is not None and 0 < most < value:
        yield f"{dotted(at)} is {value}, but must be at most {most:,}: {why}."


def at_most_training(at: Keys, value: int | None, config: Config) -> Iterator[str]:
    """The same for a number of training images."""
    yield from at_most(at, value, training_images(config), "the images left for training")


def inverted(name: str, config: Config) -> int:
    """The number of images that an inversion takes."""
    return config["inversions"][name]["images"] or config["images"]["evaluation"]
