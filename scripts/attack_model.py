"""Perturb the natural images so that they fool one model."""

import importlib

import torch
from kindred.activations import batches
from kindred.activations.extraction import predict
from kindred.attacks.batchwise import perturb_all
from kindred.attacks.perturbation import norms
from kindred.images import images
from kindred.models import folding, storage
from kindred.workflow import store
from kindred.workflow.device import choose
from kindred.workflow.job import job, log

with job(snakemake.log[0], snakemake.threads):
    name, settings = snakemake.wildcards.model, snakemake.params.settings
    device = choose(snakemake.config["device"])
    model = storage.load(name, snakemake.input.weights, snakemake.input.description)
    classifier = model.classifier.to(device)
    natural = images.load(snakemake.input.natural, settings["images"])
    attack = importlib.import_module(snakemake.params.module).attack(settings)
    adversary = folding.folded(classifier, settings.get("precision", "float32"))
    memory = snakemake.config["memory"] * 2**30
    perturbed, no_gradient = perturb_all(
        adversary,
        natural.pixels,
        natural.labels,
        attack,
        seed=settings["seed"],
        device=device,
        memory=memory,
        name=name,
    )

    # Success is measured on the stored images, with the unfolded model.
    example = torch.from_numpy(natural.pixels[:1]).to(device)
    batch = batches.fitting(adversary, example, memory, gradients=True)
    before, after = (
        predict(classifier, pixels, name=name, device=device, batch=batch).argmax(1)
        for pixels in (natural.pixels, perturbed)
    )
    distance = norms(torch.from_numpy(perturbed - natural.pixels), attack.norm).numpy()
    attributes = {
        "model": name,
        "weights": model.weights,
        "attack": snakemake.wildcards.attack,
        "settings": settings,
        "classes": natural.classes,
    }
    with store.writing(snakemake.output[0], attributes) as group:
        images.put_coordinates(group, natural.ids, natural.labels)
        store.put(group, "images", perturbed, ("image", "channel", "height", "width"))
        store.put(group, "correct", before == natural.labels, ("image",))
        store.put(group, "fooled", after != natural.labels, ("image",))
        store.put(group, "norm", distance, ("image",))
        store.put(group, "no_gradient", no_gradient, ("image",))
    clean, robust = (before == natural.labels).mean(), (after == natural.labels).mean()
    log.info("'%s': accuracy %.4f on natural images, %.4f on adversarial ones", name, clean, robust)
    if no_gradient.any():
        log.warning(
            "'%s': on %d of %d images the gradient is exactly zero, so the attack moves them by chance alone: that "
            "they fool nobody is no robustness; a network that returns probabilities must return its logits instead",
            name,
            no_gradient.sum(),
            len(no_gradient),
        )
    log.info("largest perturbation: %.5g in %s", distance.max(), "linf" if attack.norm == "linf" else "l2")
