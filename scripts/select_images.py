"""Choose the images that models are trained on and those that everything is measured on."""

from kindred import images, selection
from kindred.job import job, log

with job(snakemake.log[0], snakemake.threads):
    settings = snakemake.params.settings
    made = {"made": snakemake.params.made, "settings": settings}
    chosen = selection.select(settings)
    images.write(snakemake.output.natural, chosen.evaluation, made)
    images.write(snakemake.output.training, chosen.training, made)
    selection.write_list(snakemake.output.listing, chosen)
    log.info(
        "%d images to measure on, %d to train on, %d broken, of %s",
        len(chosen.evaluation),
        len(chosen.training),
        len(chosen.broken),
        settings["source"],
    )
