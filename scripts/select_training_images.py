"""Choose the images that models are trained on, apart from those that everything is measured on."""

from importlib import import_module

from kindred.images import images, repeats, selection
from kindred.workflow import store
from kindred.workflow.job import job, log

with job(snakemake.log[0], snakemake.threads):
    settings, most_broken = snakemake.params.settings, snakemake.config["images"]["broken"]
    natural = snakemake.input.natural
    source = import_module(snakemake.params.module)
    tried = repeats.keys_in(natural), store.attributes(natural)["broken"]
    chosen = selection.training(source, settings, *tried, most_broken)
    images.write(snakemake.output[0], chosen.images, {"settings": settings, "broken": chosen.broken})
    log.info("%d images of %s, %d more broken", len(chosen.images), settings["source"], len(chosen.broken))
