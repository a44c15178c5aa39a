"""Retrain students with one teacher, on hard and on soft labels, and measure their accuracy."""

import numpy as np
import pandas as pd
import torch
from kindred.activations.extraction import predict
from kindred.images import images
from kindred.models import classifiers, storage
from kindred.tables import tables
from kindred.training import distillation, loop
from kindred.workflow.device import choose
from kindred.workflow.job import job, log

with job(snakemake.log[0], snakemake.threads):
    settings, device = snakemake.params.settings, choose(snakemake.config["device"])
    training, held_out = images.load(snakemake.input.training), images.load(snakemake.input.natural)
    teacher = storage.load(snakemake.wildcards.model, *snakemake.input.teacher).classifier.to(device)
    known = {model.name: model.classifier.to(device) for model in storage.each(snakemake.input.students)}
    rows = []
    for student, entry in snakemake.params.students.items():
        before = predict(known[student], held_out.pixels, name=student, device=device).argmax(1) == held_out.labels
        for method in settings["methods"]:
            # The same initial weights, order of images and schedule: only the loss differs.
            torch.manual_seed(entry["seed"])
            description = storage.describe(entry, snakemake.params.images, classes=len(training.classes))
            classifier = classifiers.assemble(description)
            loss = distillation.taught(teacher, method, settings["temperature"], settings["share"])
            recipe, seed = entry["recipe"], entry["seed"]
            loop.train(classifier, training.pixels, training.labels, recipe, seed, device, loss)
            predicted = predict(classifier, held_out.pixels, name=student, device=device).argmax(1)
            after = predicted == held_out.labels
            # Paired, as the images are the same: only changed predictions count.
            gain = after.astype(float) - before
            rows.append(
                {
                    "student": student,
                    "teacher": snakemake.wildcards.model,
                    "method": method,
                    "alone": before.mean(),
                    "taught": after.mean(),
                    "gain": gain.mean(),
                    "error": gain.std() / np.sqrt(len(gain)),
                }
            )
            log.info("'%s' taught by '%s' (%s): %.4f", student, snakemake.wildcards.model, method, after.mean())
    tables.write(snakemake.output[0], pd.DataFrame(rows))
