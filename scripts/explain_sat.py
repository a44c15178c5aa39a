"""Explain SAT by the components of both models: variance explained, and importance of components."""

import numpy as np
import pandas as pd
from kindred.analyses import components, scores
from kindred.tables import tables
from kindred.workflow.job import job, log

with job(snakemake.log[0], snakemake.threads):
    found = scores.read(snakemake.input.sat, snakemake.params.attack)
    table = components.read(snakemake.input.components, found.models)
    groups = {"bases": list(table["base"])}
    if snakemake.input.get("models"):
        models = pd.read_csv(snakemake.input.models, keep_default_na=False).astype({"model": str})
        groups = {"architectures": list(models.set_index("model").loc[list(found.models), "architecture"]), **groups}
        table = components.with_training(table, models)
    table = components.merged(table)
    first, second = found.pairs()
    # Pairs without common images have no SAT.
    known = np.isfinite(found.sat[first, second])
    pairs = components.Pairs(found.sat[first, second][known], first[known], second[known], len(found.models))
    settings = components.Boosting(**snakemake.params.settings)
    explained = components.explain(pairs, table, groups, settings)
    tables.write(snakemake.output.importance, components.importance_table(pairs, table, explained, settings))
    regression = components.regression_table(pairs, explained, settings)
    tables.write(snakemake.output.regression, regression)
    log.info("R2: %s", ", ".join(f"{row.value:.3f} with {row.held_out} held out" for row in regression.itertuples()))
