"""Invert one model: change seed images until their features match those of the natural images."""

import numpy as np
import torch
from kindred.activations import layers, penultimate
from kindred.images import images
from kindred.inversion import inversion
from kindred.models import folding, storage
from kindred.workflow import chunks, store
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
    descent = {key: settings[key] for key in ("steps", "step_size", "momentum")}
    # Drawn from labels and a seed alone, so that all models share the pairs of target and seed image.
    pairs = inversion.pair_seeds(natural.labels, settings["seed"])
    every = max(1, settings["steps"] // CURVE_POINTS)
    steps = np.unique([*range(0, settings["steps"], every), settings["steps"]])

    def invert(rows: slice) -> dict[str, np.ndarray]:
        targets = torch.from_numpy(natural.pixels[rows]).to(device)
        seeds = torch.from_numpy(natural.pixels[pairs[rows]]).to(device)
        result = inversion.invert(features, targets, seeds, **descent, curve_every=every, warm_up=warm_up)
        values = {"images": result.images, "residual": result.loss, "curve": result.curve}
        return {key: value.cpu().numpy() for key, value in values.items()}

    about = {
        "model": name,
        "weights": model.weights,
        "layer": layers.PENULTIMATE,  # of `features`
        "settings": settings,
    }
    chunk = snakemake.config["inversions"][snakemake.wildcards.inversion]["chunk"]
    whole = chunks.resumable(snakemake.output[0], len(natural), chunk, invert, about, f"inverting through {name}")
    with store.writing(snakemake.output[0], {**about, "classes": natural.classes}) as group:
        images.put_coordinates(group, natural.ids, natural.labels)
        store.put(group, "images", whole["images"], ("image", "channel", "height", "width"))
        store.put(group, "seed_image", [natural.ids[i] for i in pairs], ("image",))
        store.put(group, "residual", whole["residual"], ("image",))
        store.put(group, "curve", whole["curve"], ("image", "step"))
        store.put(group, "step", steps, ("step",))
    chunks.forget(snakemake.output[0])
    residual = whole["residual"]
    log.info("'%s': relative residual %.4f (median), %.4f (worst)", name, np.median(residual), residual.max())
