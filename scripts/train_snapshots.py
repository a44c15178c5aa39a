"""Train one model as train_model does, and keep what it is after some of its epochs."""

from pathlib import Path

import torch
from kindred import checkpoints, device, images, models, training
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    entry, settings = snakemake.params.entry, snakemake.params.images
    place = device.choose(snakemake.config["device"])
    shown, held_out = images.load(snakemake.input.training), images.load(snakemake.input.natural)
    folder = Path(snakemake.output.snapshots)
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(entry["seed"])
    description = checkpoints.describe(entry, settings, classes=len(shown.classes))
    classifier = models.assemble(description)

    def keep(epochs: int) -> None:
        if epochs in snakemake.params.kept:
            paths = (str(folder / f"{epochs}.{kind}") for kind in ("safetensors", "json"))
            record = {"made": snakemake.params.snapshots, "source": entry, "epochs": epochs}
            about = {"held_out": held_out, "device": place, "record": record, "finished": False}
            checkpoints.write(*paths, classifier, **about)

    history = training.train(
        classifier, shown.pixels, shown.labels, entry["recipe"], entry["seed"], place, after=keep
    )
    checkpoints.write(
        snakemake.output.weights,
        snakemake.output.description,
        classifier,
        held_out=held_out,
        device=place,
        record={"made": snakemake.params.made, "source": entry, "history": history},
    )
