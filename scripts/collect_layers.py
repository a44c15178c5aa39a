"""Collect the layer x layer similarities of the pairs of models in the config in a table."""

from kindred.tables import similarity as similarity_tables
from kindred.tables import tables
from kindred.workflow.job import job

with job(snakemake.log[0], snakemake.threads):
    table = similarity_tables.layers_table(
        "natural",
        snakemake.input,
        snakemake.params.models,
        [tuple(pair) for pair in snakemake.params.pairs],
        list(snakemake.params.measures),
    )
    tables.write(snakemake.output[0], table)
