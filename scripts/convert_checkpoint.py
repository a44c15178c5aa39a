"""Find or fetch the checkpoint of one imported model and keep it as safetensors, with what its source says of it."""

from kindred import sources
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    sources.write(
        snakemake.output.weights,
        snakemake.output.description,
        sources.bring(snakemake.params.entry),
        snakemake.params.made,
    )
