"""Evaluate the models of a group on adversarial images made on other models, and store every prediction.

Every rate, count and interval of the transfer tables follows from these without a model.
"""

import numpy as np
import torch
from kindred.activations import batches
from kindred.activations.extraction import classes
from kindred.images import images
from kindred.models import storage
from kindred.workflow import store
from kindred.workflow.device import choose
from kindred.workflow.job import job, progress

with job(snakemake.log[0], snakemake.threads):
    device = choose(snakemake.config["device"])
    ids = store.demand_same_images(*snakemake.input.adversarial)
    store.demand_first_images(snakemake.input.natural, ids)
    natural = images.load(snakemake.input.natural, len(ids))
    stimuli = [natural.pixels, *(store.array(path, "images") for path in snakemake.input.adversarial)]
    made_by = [store.attributes(path) for path in snakemake.input.adversarial]
    memory = snakemake.config["memory"] * 2**30
    example = torch.from_numpy(natural.pixels[:1]).to(device)
    targets, weights, batch = {}, {}, len(ids)
    for model in progress(storage.each(snakemake.input.targets), "models"):
        targets[model.name], weights[model.name] = model.classifier.to(device), model.weights
        batch = min(batch, batches.fitting(model.classifier, example, memory, gradients=False))
    # Images are read once for all targets, which stay loaded: similarity.groups limits their number.
    predicted = np.stack(
        [classes(targets, pixels, device=device, batch=batch) for pixels in progress(stimuli, "cross evaluation")],
        axis=1,
    ).astype(np.int32)  # (target, natural and each source, image)
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
        store.put(group, "natural", predicted[:, 0], ("target", "image"), compress=True)
        store.put(group, "predicted", predicted[:, 1:].swapaxes(0, 1), ("source", "target", "image"), compress=True)
