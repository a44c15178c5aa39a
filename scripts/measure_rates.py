"""Measure the rates of one network on this machine, on a few images of the study and with random weights."""

import json
import time
from pathlib import Path

import torch
from kindred.forecast import rates
from kindred.images import images
from kindred.models import classifiers, storage
from kindred.models.importing import timm_hub
from kindred.workflow import device
from kindred.workflow.job import job, log

with job(snakemake.log[0], snakemake.threads):
    start = time.process_time()  # what every job spends before its work
    place = device.choose(snakemake.config["device"])
    natural = images.load(snakemake.input.natural)
    torch.manual_seed(0)
    entry, layers, stages, layered = snakemake.params.settings
    description = storage.describe(entry, snakemake.params.images, len(natural.classes), timm_hub.outline(entry))
    classifier = classifiers.assemble(description)
    found = rates.measure(classifier, natural.pixels, natural.labels, stages, layers, place, layered)
    about = {**found, "start": start, "device": place.type, "pixels": natural.pixels[0].size}
    Path(snakemake.output[0]).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    log.info("%.3g s per image forward", found["forward"])
