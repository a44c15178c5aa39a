"""Put panels of layers against layers into tables: every cell, summaries, distances, components, estimators."""

import pandas as pd
from kindred import layertables, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    panels, measure, others = (snakemake.params[key] for key in ("panels", "measure", "estimators"))
    looks = [layertables.read(path) for path in snakemake.input.looks]
    published = pd.read_csv(snakemake.input.published[0]) if snakemake.input.published else None
    made = {
        "panels": layertables.panels_table(looks, panels, [measure, *others]),
        "structure": layertables.structure_table(looks, panels, measure, published),
        "distance": layertables.distance_table(looks, panels, measure),
        "principal": layertables.principal_table(looks),
        "estimators": layertables.estimators_table(looks, panels, measure, others),
    }
    for name, table in made.items():
        tables.write(snakemake.output[name], table)
