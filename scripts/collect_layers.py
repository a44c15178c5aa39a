"""Put the layer x layer similarities of the pairs of models that the config asks for into one table."""

from kindred import tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    table = tables.layers_table(
        "natural",
        snakemake.input,
        snakemake.params.models,
        [tuple(pair) for pair in snakemake.params.pairs],
        snakemake.params.measures,
    )
    tables.write(snakemake.output[0], table)
