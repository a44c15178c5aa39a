"""Put the agreement of all stitched models with their heads into one table."""

from kindred import tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    tables.write(snakemake.output[0], tables.stitching_table(snakemake.input, snakemake.params.models))
