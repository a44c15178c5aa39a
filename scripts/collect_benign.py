"""Collect the similarity of activations on natural and on adversarial images in a table."""

from kindred.tables import layerwise, tables
from kindred.workflow.job import job

with job(snakemake.log[0], snakemake.threads):
    measure = snakemake.params.measure
    pairs = zip(snakemake.params.models, snakemake.input, strict=True)
    comparisons = {model: layerwise.read(path) for model, path in pairs}
    tables.write(snakemake.output[0], layerwise.benign_table(comparisons, snakemake.params.attacks, measure))
