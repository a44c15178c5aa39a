"""Run an attack on each model of a group at three budgets and with one step, and list warning signs."""

import importlib

import numpy as np
import pandas as pd
from kindred.activations.extraction import predict
from kindred.attacks import quality
from kindred.attacks.batchwise import perturb_all
from kindred.images import images
from kindred.models import storage
from kindred.tables import tables
from kindred.workflow.device import choose
from kindred.workflow.job import job, progress

with job(snakemake.log[0], snakemake.threads):
    settings = snakemake.params.settings
    device = choose(snakemake.config["device"])
    natural = images.load(snakemake.input.natural, snakemake.params.images)
    attack = importlib.import_module(snakemake.params.module).attack(settings)
    variants = {"many": attack, "single": attack.single(), "half": attack.scaled(0.5), "double": attack.scaled(2.0)}
    options = {"seed": settings["seed"], "device": device, "memory": snakemake.config["memory"] * 2**30}
    rows = []
    for model in progress(storage.each(snakemake.input.models), "attacks", total=len(snakemake.params.models)):
        classifier = model.classifier.to(device)

        def wrong(pixels: np.ndarray, model: storage.Model = model) -> np.ndarray:
            return predict(model.classifier, pixels, name=model.name, device=device).argmax(1) != natural.labels

        correct = ~wrong(natural.pixels)
        fooled = {}
        for name, variant in variants.items():
            perturbed, _ = perturb_all(classifier, natural.pixels, natural.labels, variant, name=model.name, **options)
            fooled[name] = wrong(perturbed)[correct]
        found = quality.rows(correct, fooled)
        found.insert(0, "model", model.name)
        rows.append(found)
    tables.write(snakemake.output[0], pd.concat(rows, ignore_index=True))
