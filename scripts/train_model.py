"""Train one model from random weights, measure its accuracy, and keep snapshots of it where they are asked for."""

from importlib import import_module
from pathlib import Path

import torch
from kindred.images import images
from kindred.models import classifiers, storage
from kindred.training import loop
from kindred.workflow import device
from kindred.workflow.job import job

with job(snakemake.log[0], snakemake.threads):
    entry, settings = snakemake.params.entry, snakemake.params.images
    kept = getattr(snakemake.params, "kept", ())  # numbers of epochs after which a snapshot is kept
    training, held_out = images.load(snakemake.input.training), images.load(snakemake.input.natural)
    place = device.choose(snakemake.config["device"])
    about = {"held_out": held_out, "device": place, "source": entry}
    loss = import_module(snakemake.params.module).loss
    torch.manual_seed(entry["seed"])
    description = storage.describe(entry, settings, classes=len(training.classes))
    classifier = classifiers.assemble(description)

    def keep(epochs: int) -> None:
        if epochs in kept:
            folder = Path(snakemake.output.snapshots)
            folder.mkdir(parents=True, exist_ok=True)
            paths = (str(folder / f"{epochs}.{kind}") for kind in ("safetensors", "json"))
            storage.write(*paths, classifier, **about, record={"epochs": epochs}, finished=False)

    history = loop.train(
        classifier,
        training.pixels,
        training.labels,
        entry["recipe"],
        entry["seed"],
        place,
        loss,
        after=keep if kept else None,
    )
    paths = snakemake.output.weights, snakemake.output.description
    storage.write(*paths, classifier, **about, record={"history": history})
