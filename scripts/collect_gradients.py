"""Collect the cosines between input gradients of all pairs of models in a table."""

from kindred.tables import comparisons as comparisons_tables
from kindred.tables import tables
from kindred.workflow.job import job

with job(snakemake.log[0], snakemake.threads):
    tables.write(snakemake.output[0], comparisons_tables.gradients_table(snakemake.input, snakemake.params.models))
