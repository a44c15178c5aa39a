"""Collect the similarity of layers over training, and accuracy over training, in two tables."""

import pandas as pd
from kindred.tables import layerwise, tables
from kindred.workflow.job import job

with job(snakemake.log[0], snakemake.threads):
    measure = snakemake.params.measure
    keys = [tuple(key) for key in snakemake.params.observations]
    pairs = zip(keys, snakemake.input.comparisons, strict=True)
    comparisons = {key: layerwise.read(path) for key, path in pairs}
    kept, last = snakemake.params.kept, snakemake.params.last
    tables.write(snakemake.output.epochs, layerwise.epochs_table(comparisons, kept, last, measure))
    curves = pd.concat([pd.read_csv(path) for path in snakemake.input.curves], ignore_index=True)
    tables.write(snakemake.output.curves, curves)
