"""Invert one model: change seed images until their features match those of the natural images."""

import numpy as np
import torch
from kindred.activations import layers, penultimate
from kindred.images import images
from kindred.inversion import inversion, seeds
from kindred.models import folding, storage
from kindred.workflow import chunks, fingerprint, store
from kindred.workflow.device import choose
from kindred.workflow.job import job, log

CURVE_POINTS = 50

with job(snakemake.log[0], snakemake.threads):
    name, settings = snakemake.wildcards.model, snakemake.params.settings
    device = choose(snakemake.config["device"])
    model = storage.load(name, snakemake.input.weights, snakemake.input.description)
    classifier = model.classifier.to(device)
    features = penultimate.features(folding.folded(classifier))
    warm_up = None
    if settings.get("precision", "float32") != "float32":
        warm_up = penultimate.features(folding.folded(classifier, settings["precision"]))
    natural = images.load(snakemake.input.natural, settings["images"])
    held_out = images.listed(snakemake.input.natural, after=len(natural))
    others = [one for path in snakemake.input.training for one in images.listed(path)]
    descent = {key: settings[key] for key in ("steps", "step_size", "momentum")}
    # A function of labels and a seed alone, so that all models share the pairs of target and seed image.
    candidates, labels = zip(*held_out, *others, strict=True) if held_out or others else ((), ())
    matched = seeds.match_seeds(
        natural.labels, labels, settings["seed"], pairings=settings["pairings"], preferred=len(held_out)
    )
    if warning := seeds.uneven(matched):
        log.warning(warning)
    start = images.load_some(
        [snakemake.input.natural, *snakemake.input.training], [candidates[at] for at in matched.ravel()]
    )
    targets = np.tile(np.arange(len(natural)), settings["pairings"])
    every = max(1, settings["steps"] // CURVE_POINTS)
    steps = np.unique([*range(0, settings["steps"], every), settings["steps"]])

    def invert(rows: slice) -> dict[str, np.ndarray]:
        wanted = torch.from_numpy(natural.pixels[targets[rows]]).to(device)
        begin = torch.from_numpy(start.pixels[rows]).to(device)
        result = inversion.invert(features, wanted, begin, **descent, curve_every=every, warm_up=warm_up)
        values = {"images": result.images, "residual": result.loss, "curve": result.curve}
        return {key: value.cpu().numpy() for key, value in values.items()}

    about = {
        "model": name,
        "weights": model.weights,
        "layer": layers.PENULTIMATE,  # of `features`
        "settings": settings,
        "pairs": fingerprint.of([natural.ids, start.ids]),
    }
    chunk = snakemake.config["inversions"][snakemake.wildcards.inversion]["chunk"]
    whole = chunks.resumable(snakemake.output[0], len(targets), chunk, invert, about, f"inverting through {name}")
    with store.writing(snakemake.output[0], {**about, "classes": natural.classes}) as group:
        images.put_coordinates(group, [natural.ids[at] for at in targets], natural.labels[targets])
        store.put(group, "pairing", np.repeat(np.arange(settings["pairings"]), len(natural)), ("image",))
        store.put(group, "images", whole["images"], ("image", "channel", "height", "width"))
        store.put(group, "seed_image", start.ids, ("image",))
        store.put(group, "seed_label", start.labels, ("image",))
        store.put(group, "residual", whole["residual"], ("image",))
        store.put(group, "curve", whole["curve"], ("image", "step"))
        store.put(group, "step", steps, ("step",))
    chunks.forget(snakemake.output[0])
    residual = whole["residual"]
    log.info("'%s': relative residual %.4f (median), %.4f (worst)", name, np.median(residual), residual.max())
