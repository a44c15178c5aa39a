"""List every chosen image, and those that could not be read."""

from kindred.images import listing
from kindred.workflow.job import job

with job(snakemake.log[0], snakemake.threads):
    stores = {"natural": snakemake.input.natural, "training": snakemake.input.training}
    listing.write(snakemake.output[0], stores)
