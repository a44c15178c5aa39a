"""Evaluate the models of a group on adversarial images made on other models, and store every prediction.

Each is shown the images as they were made, and their perturbations on other images. Every rate, count and interval of
the transfer tables follows from these without a model.
"""

from functools import partial

import numpy as np
import torch
from kindred.activations import batches
from kindred.activations.extraction import Voter, classes
from kindred.images import images
from kindred.images.shuffled import Shuffled, donors
from kindred.models import storage
from kindred.workflow import store
from kindred.workflow.device import choose
from kindred.workflow.job import job, progress

with job(snakemake.log[0], snakemake.threads):
    device = choose(snakemake.config["device"])
    ids = store.demand_same_images(*snakemake.input.adversarial)
    store.demand_first_images(snakemake.input.natural, ids)
    natural = images.load(snakemake.input.natural, len(ids))
    made_by = [store.attributes(path) for path in snakemake.input.adversarial]
    memory = snakemake.config["memory"] * 2**30
    example = torch.from_numpy(natural.pixels[:1]).to(device)
    donor = donors(len(ids), snakemake.params.shuffles)
    targets, weights, batch = {}, {}, len(ids)
    for model in progress(storage.each(snakemake.input.targets), "models"):
        targets[model.name], weights[model.name] = Voter(model.classifier.to(device)), model.weights
        batch = min(batch, batches.fitting(model.classifier, example, memory, gradients=False))
    # Images are read once for all targets, which stay loaded: similarity.groups limits their number.
    look = partial(classes, targets, device=device, batch=batch)  # gives (target, image)
    clean, predicted, shuffled, no_gradient = look(natural.pixels), [], [], []
    for path in progress(snakemake.input.adversarial, "cross evaluation"):
        made = store.array(path, "images")
        predicted.append(look(made))
        no_gradient.append(np.asarray(store.array(path, "no_gradient")[:]))
        # Shown in the order of the perturbed images, which are read in it; kept in that of the natural ones.
        shuffled.append([look(Shuffled(natural.pixels, made, np.argsort(row)))[:, row] for row in donor])
    attributes = {
        "members": sorted({*targets, *(about["model"] for about in made_by)}),
        "attack": snakemake.wildcards.attack,
        "weights": weights,
        "source_weights": {about["model"]: about["weights"] for about in made_by},
    }
    with store.writing(snakemake.output[0], attributes) as group:
        images.put_coordinates(group, ids, natural.labels)
        store.put(group, "source", [about["model"] for about in made_by], ("source",))
        store.put(group, "target", list(targets), ("target",))
        store.put(group, "natural", clean.astype(np.int32), ("target", "image"), compress=True)
        store.put(group, "predicted", np.array(predicted, np.int32), ("source", "target", "image"), compress=True)
        store.put(group, "no_gradient", np.array(no_gradient), ("source", "image"), compress=True)
        if len(donor):
            moved = np.array(shuffled, np.int32).swapaxes(1, 2)
            store.put(group, "shuffled", moved, ("source", "target", "shuffle", "image"), compress=True)
            store.put(group, "donor", donor, ("shuffle", "image"), compress=True)
