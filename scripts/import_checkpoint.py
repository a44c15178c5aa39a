"""Bring a checkpoint that was trained elsewhere into the study, as weights only, and measure its accuracy."""

from kindred import checkpoints, device, images, models, records
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    entry, settings = snakemake.params.entry, snakemake.params.images
    checkpoint = str(snakemake.input.checkpoint)
    digest = records.demand_hash(checkpoint, entry.get("sha256"))
    held_out = images.load(snakemake.input.natural)
    description = checkpoints.describe(entry, settings, classes=len(held_out.classes))
    checkpoints.write(
        snakemake.output.weights,
        snakemake.output.description,
        models.load(checkpoint, description),
        held_out=held_out,
        device=device.choose(snakemake.config["device"]),
        record={"made": snakemake.params.made, "source": {**entry, "sha256": digest}},
    )
