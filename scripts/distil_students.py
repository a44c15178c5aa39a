"""Train students anew from several seeds, with one teacher or alone, and store which images they get right."""

import importlib

import numpy as np
import torch
from kindred.activations.extraction import predict
from kindred.images import images
from kindred.models import classifiers, storage
from kindred.training import distillation, loop
from kindred.workflow import store
from kindred.workflow.device import choose
from kindred.workflow.job import job, log

with job(snakemake.log[0], snakemake.threads):
    settings, device = snakemake.params.settings, choose(snakemake.config["device"])
    training, held_out = images.load(snakemake.input.training), images.load(snakemake.input.natural)
    losses, right = {"alone": importlib.import_module(snakemake.params.module).loss}, 0.0
    if snakemake.input.get("teacher"):
        name = snakemake.wildcards.model
        teacher = storage.load(name, *snakemake.input.teacher).classifier.to(device)
        right = float((predict(teacher, training.pixels, name=name, device=device).argmax(1) == training.labels).mean())
        options = settings["temperature"], settings["share"]
        losses = {method: distillation.taught(teacher, method, *options) for method in settings["methods"]}
    students, seeds = snakemake.params.students, settings["seeds"]
    correct = np.zeros((len(students), len(losses), seeds, len(held_out.labels)), dtype=bool)
    for row, (student, entry) in enumerate(students.items()):
        for column, (method, loss) in enumerate(losses.items()):
            for run in range(seeds):
                # The same initial weights, order of images and schedule with every teacher: only the loss differs.
                seed = (entry["seed"] + run) % 2**32
                torch.manual_seed(seed)
                description = storage.describe(entry, snakemake.params.images, classes=len(training.classes))
                classifier = classifiers.assemble(description)
                loop.train(classifier, training.pixels, training.labels, entry["recipe"], seed, device, loss)
                predicted = predict(classifier, held_out.pixels, name=student, device=device).argmax(1)
                correct[row, column, run] = predicted == held_out.labels
            log.info("'%s' (%s): %.4f over %d seeds", student, method, correct[row, column].mean(), seeds)
    with store.writing(snakemake.output[0], {"teacher_right": right}) as group:
        store.put(group, "student", list(students), ("student",))
        store.put(group, "method", list(losses), ("method",))
        store.put(group, "correct", correct, ("student", "method", "seed", "image"), compress=True)
