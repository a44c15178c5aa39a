"""Train students again with one teacher, hard and soft, and measure what each of them gets right."""

import numpy as np
import pandas as pd
import torch
from kindred import checkpoints, device, distillation, images, models, tables, training
from kindred.job import job, log
from kindred.observe import predict

with job(snakemake.log[0], snakemake.threads):
    settings, place = snakemake.params.settings, device.choose(snakemake.config["device"])
    shown, held_out = images.load(snakemake.input.training), images.load(snakemake.input.natural)
    teacher = checkpoints.load(snakemake.wildcards.model, *snakemake.input.teacher).classifier.to(place)
    known = {model.name: model.classifier.to(place) for model in checkpoints.each(snakemake.input.students)}
    rows = []
    for student, entry in snakemake.params.students.items():
        before = (
            predict(known[student], held_out.pixels, name=student, device=place).argmax(1) == held_out.labels
        )
        for method in settings["methods"]:
            # The same weights to begin with, the same order of images, the same schedule: only the loss differs.
            torch.manual_seed(entry["seed"])
            description = checkpoints.describe(entry, snakemake.params.images, classes=len(shown.classes))
            classifier = models.assemble(description)
            loss = distillation.taught(teacher, method, settings["temperature"], settings["share"])
            training.train(
                classifier, shown.pixels, shown.labels, entry["recipe"], entry["seed"], place, loss
            )
            said = predict(classifier, held_out.pixels, name=student, device=place).argmax(1)
            after = said == held_out.labels
            # Paired: the same images, so only those that changed sides count.
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
            log.info(
                "'%s' taught by '%s' (%s): %.4f", student, snakemake.wildcards.model, method, after.mean()
            )
    tables.write(snakemake.output[0], pd.DataFrame(rows))
