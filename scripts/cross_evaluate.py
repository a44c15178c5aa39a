"""Show the adversarial images of some models to others, and keep every answer: models are loaded and images read once.

Every rate, count and interval of the transfer tables can be computed again from these without a model.
"""

import numpy as np
import torch
from kindred import batches, checkpoints, device, images, store
from kindred.job import job, progress
from kindred.observe import classes

with job(snakemake.log[0], snakemake.threads):
    place = device.choose(snakemake.config["device"])
    ids = store.demand_same_images(*snakemake.input.adversarial)
    store.demand_first_images(snakemake.input.natural, ids)
    natural = images.load(snakemake.input.natural, len(ids))
    stimuli = [natural.pixels, *(store.array(path, "images") for path in snakemake.input.adversarial)]
    made_by = [store.attributes(path) for path in snakemake.input.adversarial]
    memory = snakemake.config["memory"] * 2**30
    example = torch.from_numpy(natural.pixels[:1]).to(place)
    targets, weights, batch = {}, {}, len(ids)
    for model in progress(checkpoints.each(snakemake.input.targets), "models"):
        targets[model.name], weights[model.name] = model.classifier.to(place), model.weights
        batch = min(batch, batches.fitting(model.classifier, example, memory, gradients=False))
    # Images are read once and shown to all targets, whose weights stay; similarity.groups says how many they are.
    said = np.stack(
        [
            classes(targets, shown, device=place, batch=batch)
            for shown in progress(stimuli, "cross evaluation")
        ],
        axis=1,
    ).astype(np.int32)  # (target, natural and each source, image)
    about = {
        "members": snakemake.params.members,
        "attack": snakemake.wildcards.attack,
        "weights": weights,
        "source_weights": {about["model"]: about["weights"] for about in made_by},
    }
    with store.writing(snakemake.output[0], about) as group:
        images.put_coordinates(group, ids, natural.labels)
        store.put(group, "source", [about["model"] for about in made_by], ("source",))
        store.put(group, "target", list(targets), ("target",))
        store.put(group, "natural", said[:, 0], ("target", "image"), compress=True)
        store.put(
            group, "predicted", said[:, 1:].swapaxes(0, 1), ("source", "target", "image"), compress=True
        )
