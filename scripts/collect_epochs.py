"""Put how layers change over training, and accuracy beside it, into two tables."""

import pandas as pd
from kindred import layertables, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    measure = snakemake.params.measure
    keys = [tuple(key) for key in snakemake.params.observations]
    pairs = zip(keys, snakemake.input.looks, strict=True)
    looks = {key: layertables.read(path) for key, path in pairs}
    kept, last = snakemake.params.kept, snakemake.params.last
    tables.write(snakemake.output.epochs, layertables.epochs_table(looks, kept, last, measure))
    curves = pd.concat([pd.read_csv(path) for path in snakemake.input.curves], ignore_index=True)
    tables.write(snakemake.output.curves, curves)
