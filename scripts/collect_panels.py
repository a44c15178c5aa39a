"""Collect layer comparisons in tables: cells of all panels, summaries, distances, components, estimators."""

import pandas as pd
from kindred.tables import layerwise, tables
from kindred.workflow.job import job

with job(snakemake.log[0], snakemake.threads):
    panels, measure, others = (snakemake.params[key] for key in ("panels", "measure", "estimators"))
    comparisons = [layerwise.read(path) for path in snakemake.input.comparisons]
    published = pd.read_csv(snakemake.input.published[0]) if snakemake.input.published else None
    results = {
        "panels": layerwise.panels_table(comparisons, panels, [measure, *others]),
        "structure": layerwise.structure_table(comparisons, panels, measure, published),
        "distance": layerwise.distance_table(comparisons, panels, measure),
        "principal": layerwise.principal_table(comparisons),
        "estimators": layerwise.estimators_table(comparisons, panels, measure, others),
    }
    for name, table in results.items():
        tables.write(snakemake.output[name], table)
