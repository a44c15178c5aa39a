"""Find or fetch the checkpoint of one imported model and keep it as safetensors, with what its source states."""

from importlib import import_module

from kindred.models.importing import checkpoint
from kindred.workflow.job import job

with job(snakemake.log[0], snakemake.threads):
    # Params hold what decides the weights; the paths of files are in the configuration.
    entry = {**checkpoint.configured(snakemake.config, snakemake.wildcards.model), **snakemake.params.entry}
    brought = import_module(snakemake.params.module).bring(entry)
    checkpoint.write(snakemake.output.weights, snakemake.output.description, brought)
