"""Change the natural images so that they fool one model."""

import numpy as np
import torch
from kindred import attacks, batches, checkpoints, device, folding, images, store
from kindred.job import job, log, progress
from kindred.observe import predict

with job(snakemake.log[0], snakemake.threads):
    name, settings = snakemake.wildcards.model, snakemake.params.settings
    place = device.choose(snakemake.config["device"])
    model = checkpoints.load(name, *snakemake.input.model)
    classifier = model.classifier.to(place)
    natural = images.load(snakemake.input.natural, settings["images"])
    attack = attacks.of(settings)
    adversary = folding.folded(classifier, settings.get("precision", "float32"))
    example = torch.from_numpy(natural.pixels[:1]).to(place)
    batch = batches.fitting(adversary, example, snakemake.config["memory"] * 2**30, gradients=True)
    generator = torch.Generator().manual_seed(settings["seed"])

    before = predict(classifier, natural.pixels, name=name, device=place, batch=batch).argmax(1)
    changed = np.empty_like(natural.pixels)
    for start in progress(range(0, len(natural), batch), f"attacking {name}"):
        rows = slice(start, start + batch)
        shown = torch.from_numpy(natural.pixels[rows]).to(place)
        labels = torch.from_numpy(natural.labels[rows]).to(place)
        changed[rows] = attacks.perturb(adversary, shown, labels, attack, generator).cpu().numpy()

    # Success is measured on the very images that are stored, by the model as it is.
    after = predict(classifier, changed, name=name, device=place, batch=batch).argmax(1)
    moved = attacks.norms(torch.from_numpy(changed - natural.pixels), attack.norm).numpy()
    about = {
        "made": snakemake.params.made,
        "model": name,
        "weights": model.weights,
        "settings": settings,
        "classes": natural.classes,
    }
    with store.writing(snakemake.output[0], about) as group:
        images.put_coordinates(group, natural.ids, natural.labels)
        store.put(group, "images", changed, ("image", "channel", "height", "width"))
        store.put(group, "correct", before == natural.labels, ("image",))
        store.put(group, "fooled", after != natural.labels, ("image",))
        store.put(group, "norm", moved, ("image",))
    clean, left = (before == natural.labels).mean(), (after == natural.labels).mean()
    log.info("'%s' is right about %.4f of the images, %.4f once they are changed", name, clean, left)
    log.info("largest change: %.5g in %s", moved.max(), "linf" if attack.norm == "linf" else "l2")
