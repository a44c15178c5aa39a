"""Put the cosines between input gradients of all pairs of models into one table."""

from kindred import tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    tables.write(snakemake.output[0], tables.gradients_table(snakemake.input, snakemake.params.models))
