"""Choose the images that models are trained on and those that everything is measured on."""

from kindred import images
from kindred.job import job, log

with job(snakemake.log[0], snakemake.threads):
    settings = snakemake.params.settings
    made = {"made": snakemake.params.made, "settings": settings}
    evaluation, training = images.select(settings)
    images.write(snakemake.output.natural, evaluation, made)
    images.write(snakemake.output.training, training, made)
    log.info(
        "%d images to measure on, %d to train on, of %s", len(evaluation), len(training), settings["source"]
    )
