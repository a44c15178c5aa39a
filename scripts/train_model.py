"""Train one model from random weights and measure its accuracy on the held-out images."""

import torch
from kindred import checkpoints, device, images, models, training
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    entry, settings = snakemake.params.entry, snakemake.params.images
    place = device.choose(snakemake.config["device"])
    shown = images.load(snakemake.input.training)
    torch.manual_seed(entry["seed"])
    description = checkpoints.describe(entry, settings, classes=len(shown.classes))
    classifier = models.assemble(description)
    history = training.train(classifier, shown.pixels, shown.labels, entry["recipe"], entry["seed"], place)
    checkpoints.write(
        snakemake.output.weights,
        snakemake.output.description,
        classifier,
        held_out=images.load(snakemake.input.natural),
        device=place,
        record={"made": snakemake.params.made, "source": entry, "history": history},
    )
