"""Collect a few examples of seed, target and inverted image of some models in a small store."""

import numpy as np
from kindred.images import images
from kindred.workflow import store
from kindred.workflow.job import job

with job(snakemake.log[0], snakemake.threads):
    models, examples = snakemake.params.models, snakemake.params.examples
    store.demand_same_images(*snakemake.input.inverted)
    # Examples are of the first pairing of targets with seeds.
    count = int((store.array(snakemake.input.inverted[0], "pairing")[:] == 0).sum())
    ids = store.strings(snakemake.input.inverted[0], "image")[:count]
    store.demand_first_images(snakemake.input.natural, ids)
    labels = store.array(snakemake.input.natural, "label")[: len(ids)]
    natural = store.array(snakemake.input.natural, "images")[: len(ids)]
    # The first image of each class comes before a second one of any.
    rank = [int((labels[:index] == labels[index]).sum()) for index in range(len(ids))]
    chosen = sorted(sorted(range(len(ids)), key=lambda index: (rank[index], index))[:examples])
    begun = store.strings(snakemake.input.inverted[0], "seed_image")
    seeds = images.load_some([snakemake.input.natural, *snakemake.input.training], [begun[at] for at in chosen])
    rows, residuals = [], []
    for path in snakemake.input.inverted:
        inverted = store.array(path, "images")[:][chosen]
        rows.append(np.stack([seeds.pixels, natural[chosen], inverted], axis=1))
        residuals.append(store.array(path, "residual")[:][chosen])
    with store.writing(snakemake.output[0], {}) as group:
        store.put(group, "inverter", models, ("inverter",))
        store.put(group, "role", ["seed", "target", "inverted"], ("role",))
        dims = ("inverter", "example", "role", "channel", "height", "width")
        store.put(group, "images", np.stack(rows).astype(np.float32), dims)
        store.put(group, "residual", np.stack(residuals), ("inverter", "example"))
        store.put(group, "target_image", [ids[index] for index in chosen], ("example",))
        store.put(group, "target_label", labels[chosen], ("example",))
        store.put(group, "seed_label", seeds.labels, ("example",))
