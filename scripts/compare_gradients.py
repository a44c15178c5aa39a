"""Compare the input gradients of a group of models with those of another, image by image; no gradient is stored.

The models of a tile are loaded once and stay; images are taken by as many as their gradients fit into memory.
"""

import itertools

import numpy as np
import torch
from kindred import batches, checkpoints, device, images, saliency, store
from kindred.job import job, log, progress

with job(snakemake.log[0], snakemake.threads):
    place = device.choose(snakemake.config["device"])
    settings = snakemake.params.settings
    first, second = (checkpoints.names(files) for files in (snakemake.input.first, snakemake.input.second))
    files = list(dict.fromkeys([*snakemake.input.first, *snakemake.input.second]))
    names = checkpoints.names(files)
    shown = images.load(snakemake.input.natural, settings["images"])
    models = list(progress(checkpoints.each(files), "models", total=len(names)))
    for model in models:
        model.classifier.to(place)
    if first == second:
        pairs = list(itertools.combinations_with_replacement(first, 2))
    else:
        pairs = list(itertools.product(first, second))
    rows, columns = ([names.index(pair[side]) for pair in pairs] for side in (0, 1))

    each = 4 * len(models) * shown.pixels[0].size
    memory = (
        snakemake.config["memory"] * 2**30 / 2
    )  # half for the gradients of all, half for one model's pass
    example = torch.from_numpy(shown.pixels[:1]).to(place)
    passes = [batches.fitting(model.classifier, example, memory, gradients=True) for model in models]
    block = max(1, min(*passes, int(memory / (2 * each))))
    found = np.empty((len(settings["losses"]), len(pairs), len(shown)), dtype=np.float32)
    for start in progress(range(0, len(shown), block), "gradients"):
        part = slice(start, min(start + block, len(shown)))
        pixels = torch.from_numpy(shown.pixels[part]).to(place)
        labels = torch.from_numpy(shown.labels[part]).to(place)
        for place_of, loss in enumerate(settings["losses"]):
            gradients = [saliency.input_gradients(model.classifier, pixels, labels, loss) for model in models]
            found[place_of, :, part] = saliency.cosines(gradients)[rows, columns].cpu().numpy()

    attributes = {
        "members": snakemake.params.members,
        "weights": {model.name: model.weights for model in models},
        "settings": settings,
    }
    with store.writing(snakemake.output[0], attributes) as group:
        images.put_coordinates(group, shown.ids, shown.labels)
        store.put(group, "loss", settings["losses"], ("loss",))
        store.put(group, "model_a", [a for a, _ in pairs], ("pair",))
        store.put(group, "model_b", [b for _, b in pairs], ("pair",))
        store.put(group, "cosine", found, ("loss", "pair", "image"))
    log.info("%d models, %d pairs, %d images", len(models), len(pairs), len(shown))
