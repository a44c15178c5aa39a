"""The seeded choice of images from what a source lists or has split: those to measure on, and those for training."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from kindred.images import repeats
from kindred.images.images import Images
from kindred.images.pixels import fit
from kindred.images.plausible import warn_of_doubts
from kindred.images.pool import Pool, Settings
from kindred.workflow.errors import BadInput, some
from kindred.workflow.job import log, progress

MOST_NAMED = 5  # broken images that the log names one by one


@dataclass(frozen=True)
class Chosen:
    """Images that were chosen and read, and {id: reason} of those that were chosen and could not be read."""

    images: Images
    broken: dict[str, str]


def evaluation(source: ModuleType, settings: Settings, most_broken: int) -> Chosen:
    """The images that everything is measured on, in the order in which they were drawn.

    source: the module of `settings["source"]`; most_broken: number of images that may be unreadable. Raises BadInput
    where there are more of them, and where the source holds too few images.
    """
    if hasattr(source, "split"):
        chosen = Chosen(source.split(settings)[0], {})
    else:
        pool, _ = source.pools(settings)
        _demand_enough(pool, settings["evaluation"], "evaluation")
        chosen = take(pool, order(pool.labels, settings), settings["evaluation"], settings, most_broken)
    repeats.warn_of_repeats(repeats.keys_of(chosen.images))
    warn_of_doubts(chosen.images.pixels)
    return chosen


def training(
    source: ModuleType, settings: Settings, evaluated: Mapping[str, str], broken: Collection[str], most_broken: int
) -> Chosen:
    """The images for training: of the source's own training part, or of what evaluation has left.

    Images with the pixels of an evaluated one are left out, under whatever name they come again. evaluated, broken:
    {id: hash of the pixels} of the evaluation images in order, and ids of those that could not be read for them. Raises
    BadInput as `evaluation` does, and where the source no longer holds the evaluation images.
    """
    if hasattr(source, "split"):
        rest, kept = source.split(settings)[1], set(evaluated.values())
        again = [name for name, key in repeats.keys_of(rest).items() if key in kept]
        repeats.warn_of_evaluated(settings["source"], again)
        return Chosen(rest.take(np.flatnonzero([name not in again for name in rest.ids])), {})
    pool, apart = source.pools(settings)
    if apart is not None:
        _demand_same_classes(pool, apart)
    left = pool.without(_tried(pool, settings, evaluated, broken)) if apart is None else apart
    count = settings.get("training") or 0
    _demand_enough(left, count, "training")
    drawn = order(left.labels, settings)
    # In the order of the source; those that were not drawn stand by for broken ones.
    drawn = np.concatenate([np.sort(drawn[:count]), drawn[count:]])
    return take(left, drawn, count, settings, most_broken, set(evaluated.values()))


def order(labels: np.ndarray, settings: Settings) -> np.ndarray:
    """Positions (n,) of labels (n,) in the random order of `seed`, and of all classes in turn if `choice` is balanced.

    Then every class gives one image before any gives a second, so that among the first ones, however many, numbers
    differ by one at most while classes last.
    """
    drawn = np.random.default_rng(settings["seed"]).permutation(len(labels))
    if settings["choice"] != "balanced":
        return drawn
    return drawn[in_turn(labels[drawn])]


def in_turn(labels: np.ndarray) -> np.ndarray:
    """Positions (n,) of labels (n,): every class gives one image before any gives a second, each in its own order."""
    by_class = np.argsort(labels, kind="stable")
    counts = np.bincount(labels)
    rank = np.empty(len(labels), dtype=np.int64)  # how many of its class come before an image
    rank[by_class] = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.argsort(rank, kind="stable")


def take(
    pool: Pool,
    drawn: np.ndarray,
    count: int,
    settings: Settings,
    most_broken: int,
    evaluated: Collection[str] = frozenset(),
) -> Chosen:
    """The first `count` images in this order that can be read, at the settings' size, channels and crop.

    evaluated: hashes of pixels; images that have them are passed over, with one warning for all. Raises BadInput as
    soon as more than `most_broken` cannot be read, and where the images run out.
    """
    side, channels = settings["size"], settings["channels"]
    crop = settings.get("crop") or pool.crop
    pixels = np.empty((count, channels, side, side), dtype=np.float32)
    taken: list[int] = []
    broken: dict[str, str] = {}
    again: list[str] = []
    for at in progress(map(int, drawn), f"reading images of {pool.name}", total=count):
        if len(taken) == count:
            break
        try:
            pixels[len(taken)] = fit(pool.open(at), side, crop)
        except BadInput as error:
            broken[pool.ids[at]] = str(error)
            if len(broken) > most_broken:
                raise BadInput(_too_many(pool, broken, len(taken), most_broken)) from error
            continue
        if evaluated and repeats.key_of(pixels[len(taken)]) in evaluated:
            again.append(pool.ids[at])
            continue
        taken.append(at)
    if len(taken) < count:
        gone = [f"{len(broken)} of them broken"] * bool(broken)
        gone += [f"{len(again):,} of them with the pixels of evaluated images"] * bool(again)
        raise BadInput(
            f"{count:,} images are wanted of {', '.join([f'{pool.name}, which holds {len(pool.ids):,}', *gone])}."
        )
    repeats.warn_of_evaluated(pool.name, again)
    for name, reason in list(broken.items())[:MOST_NAMED]:
        log.warning("the image '%s' cannot be read: %s; another replaces it", name, reason)
    if broken:
        log.warning("%d of %d images of %s cannot be read", len(broken), len(taken) + len(broken), pool.name)
    ids = [pool.ids[at] for at in taken]
    return Chosen(Images(pixels, pool.labels[taken], ids, pool.classes), broken)


def _tried(pool: Pool, settings: Settings, evaluated: Collection[str], broken: Collection[str]) -> np.ndarray:
    """Positions of the images that were tried for evaluation; the order is seeded: nothing is read again."""
    tried = order(pool.labels, settings)[: len(evaluated) + len(broken)]
    if [pool.ids[at] for at in tried if pool.ids[at] not in broken] != list(evaluated):
        raise BadInput(
            f"{pool.name} no longer gives the images that were chosen for evaluation; choose them again with "
            "`snakemake --forcerun select_evaluation_images`."
        )
    return tried


def _demand_same_classes(pool: Pool, apart: Pool) -> None:
    """Raise BadInput where the classes of the parts are not the same: their labels would mean different things."""
    if pool.classes == apart.classes:
        return
    first = next(
        (at for at, pair in enumerate(zip(pool.classes, apart.classes, strict=False)) if len(set(pair)) > 1), None
    )
    detail = f"{len(pool.classes)} and {len(apart.classes)} classes"
    if first is not None:
        detail = f"label {first} is '{pool.classes[first]}' in one and '{apart.classes[first]}' in the other"
    raise BadInput(
        f"the images for evaluation of {pool.name} and those for training of {apart.name} do not have the same classes "
        f"({detail}); images.classes gives all of them, in order."
    )


def _demand_enough(pool: Pool, count: int, key: str) -> None:
    if count > len(pool.ids):
        left = " that are not evaluated" if key == "training" else ""
        raise BadInput(f"images.{key} is {count:,}, but {pool.name} has {len(pool.ids):,} images{left}.")


def _too_many(pool: Pool, broken: dict[str, str], taken: int, most: int) -> str:
    first, reason = next(iter(broken.items()))
    if len(broken) == 1:
        return (
            f"the image '{first}' of {pool.name} cannot be read: {reason}; replace or remove it, or allow "
            "broken images with images.broken."
        )
    return (
        f"{len(broken)} of the first {taken + len(broken)} images of {pool.name} cannot be read ({some(broken)}; the "
        f"first: {reason}), but images.broken allows {most}."
    )
