"""Measure what one network costs on this machine, on a few images of the study and with random weights."""

import json
import time
from pathlib import Path

import torch
from kindred import checkpoints, costs, device, hub, images, models, store
from kindred.job import job, log

with job(snakemake.log[0], snakemake.threads):
    # What was spent up to here every job spends before it begins.
    start = time.process_time()
    settings = snakemake.params.settings
    place = device.choose(snakemake.config["device"])
    natural = images.load(snakemake.input.natural)
    torch.manual_seed(0)
    entry = snakemake.params.entry
    description = checkpoints.describe(entry, settings, len(natural.classes), hub.outline(entry))
    classifier = models.assemble(description)
    layers, look = snakemake.params.layers, snakemake.params.look
    found = costs.measure(classifier, natural.pixels, natural.labels, layers, place, look)
    about = {
        **found,
        "start": start,
        "device": place.type,
        "sizes": {
            "evaluation": len(natural),
            "training": store.array(snakemake.input.training, "images").shape[0],
            "pixels": natural.pixels[0].size,
        },
    }
    Path(snakemake.output[0]).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    log.info("%.3g s an image forward, %.3g s a step of an attack", found["forward"], found["attack"])
