"""Grow, from other images, images that say the same to one model as the natural ones do."""

import numpy as np
import torch
from kindred import checkpoints, chunks, device, folding, images, inversion, layers, penultimate, store
from kindred.job import job, log

CURVE_POINTS = 50

with job(snakemake.log[0], snakemake.threads):
    name, settings = snakemake.wildcards.model, snakemake.params.settings
    place = device.choose(snakemake.config["device"])
    model = checkpoints.load(name, *snakemake.input.model)
    classifier = model.classifier.to(place)
    says = penultimate.features(folding.folded(classifier))
    draft = None
    if settings.get("precision", "float32") != "float32":
        draft = penultimate.features(folding.folded(classifier, settings["precision"]))
    natural = images.load(snakemake.input.natural, settings["images"])
    descent = inversion.Inversion(settings["steps"], settings["step_size"], settings["momentum"])
    # Drawn from labels and a seed alone, so every model grows the same image from the same other one.
    pairs = inversion.pair_seeds(natural.labels, settings["seed"])
    every = max(1, descent.steps // CURVE_POINTS)
    steps = np.unique([*range(0, descent.steps, every), descent.steps])

    def invert(rows: slice) -> dict[str, np.ndarray]:
        targets = torch.from_numpy(natural.pixels[rows]).to(place)
        seeds = torch.from_numpy(natural.pixels[pairs[rows]]).to(place)
        result = inversion.invert(says, targets, seeds, descent, curve_every=every, draft=draft)
        values = {"images": result.images, "residual": result.loss, "curve": result.curve.loss}
        return {key: value.cpu().numpy() for key, value in values.items()}

    about = {
        "made": snakemake.params.made,
        "model": name,
        "weights": model.weights,
        "layer": layers.PENULTIMATE,  # what `features` gives
        "settings": settings,
    }
    chunk = snakemake.config["inversions"][snakemake.wildcards.inversion]["chunk"]
    whole = chunks.resumable(
        snakemake.output[0], len(natural), chunk, invert, about, f"inverting through {name}"
    )
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
