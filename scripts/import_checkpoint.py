"""Bring a checkpoint that was trained elsewhere into the study: does it fit the images, and how accurate is it?"""

from kindred import arrival, checkpoints, device, images, models, records
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    name, entry, settings = snakemake.wildcards.model, snakemake.params.entry, snakemake.params.images
    weights, told = snakemake.input.checkpoint
    brought = records.read(told, records.BROUGHT)
    held_out = images.load(snakemake.input.natural)
    arrival.demand_fit(name, entry, brought, held_out.classes, len(settings["mean"]))
    description = checkpoints.describe(entry, settings, classes=len(held_out.classes), brought=brought)
    loaded = models.load(weights, description, brought["origin"])
    arrival.demand_answer(name, loaded, held_out)
    known = {key: brought[key] for key in ("architecture", "sha256")}
    checkpoints.write(
        snakemake.output.weights,
        snakemake.output.description,
        loaded,
        held_out=held_out,
        device=device.choose(snakemake.config["device"]),
        record={"made": snakemake.params.made, "source": {**entry, **known}},
        expected=entry["accuracy"],
    )
