"""Compare the input gradients of the models of two groups, image by image; no gradient is stored.

The models of a tile are loaded once and stay; images are processed in blocks whose gradients fit memory.
"""

import numpy as np
import torch
from kindred.activations import batches
from kindred.images import images
from kindred.models import storage
from kindred.similarity import saliency
from kindred.workflow import store, tiles
from kindred.workflow.device import choose
from kindred.workflow.job import job, log, progress

with job(snakemake.log[0], snakemake.threads):
    device = choose(snakemake.config["device"])
    settings = snakemake.params.settings
    first, second = (storage.names(files) for files in (snakemake.input.first, snakemake.input.second))
    files = list(dict.fromkeys([*snakemake.input.first, *snakemake.input.second]))
    names = storage.names(files)
    natural = images.load(snakemake.input.natural, settings["images"])
    models = list(progress(storage.each(files), "models", total=len(names)))
    for model in models:
        model.classifier.to(device)
    pairs = tiles.pairs(first, second)
    rows, columns = ([names.index(pair[side]) for pair in pairs] for side in (0, 1))

    each = 4 * len(models) * natural.pixels[0].size
    # Half of the memory for the gradients of all models, half for one model's pass.
    memory = snakemake.config["memory"] * 2**30 / 2
    example = torch.from_numpy(natural.pixels[:1]).to(device)
    passes = [batches.fitting(model.classifier, example, memory, gradients=True) for model in models]
    block = max(1, min(*passes, int(memory / (2 * each))))
    found = np.empty((2, len(settings["losses"]), len(pairs), len(natural)), dtype=np.float32)
    for start in progress(range(0, len(natural), block), "gradients"):
        part = slice(start, min(start + block, len(natural)))
        pixels = torch.from_numpy(natural.pixels[part]).to(device)
        labels = torch.from_numpy(natural.labels[part]).to(device)
        for index, loss in enumerate(settings["losses"]):
            gradients = [saliency.input_gradients(model.classifier, pixels, labels, loss) for model in models]
            for shift in (0, 1):
                cosines = saliency.cosines(gradients, shift)[rows, columns].cpu().numpy()
                # A block of one image has no other.
                found[shift, index, :, part] = np.nan if shift and len(pixels) == 1 else cosines

    attributes = {"members": names, "weights": {model.name: model.weights for model in models}, "settings": settings}
    with store.writing(snakemake.output[0], attributes) as group:
        images.put_coordinates(group, natural.ids, natural.labels)
        store.put(group, "loss", settings["losses"], ("loss",))
        store.put(group, "model_a", [a for a, _ in pairs], ("pair",))
        store.put(group, "model_b", [b for _, b in pairs], ("pair",))
        store.put(group, "cosine", found[0], ("loss", "pair", "image"))
        store.put(group, "cosine_of_others", found[1], ("loss", "pair", "image"))
    log.info("%d models, %d pairs, %d images", len(models), len(pairs), len(natural))
