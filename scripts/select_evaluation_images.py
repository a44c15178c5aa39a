"""Choose the images that everything is measured on."""

from importlib import import_module

from kindred.images import images, selection
from kindred.workflow.job import job, log

with job(snakemake.log[0], snakemake.threads):
    settings, most_broken = snakemake.params.settings, snakemake.config["images"]["broken"]
    chosen = selection.evaluation(import_module(snakemake.params.module), settings, most_broken)
    images.write(snakemake.output[0], chosen.images, {"settings": settings, "broken": chosen.broken})
    log.info("%d images of %s, %d more broken", len(chosen.images), settings["source"], len(chosen.broken))
