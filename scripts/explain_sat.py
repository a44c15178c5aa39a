"""Explain SAT by the components of both models: variance explained, and importance of components."""

import pandas as pd
from kindred.analyses import components, scores
from kindred.tables import tables
from kindred.workflow.job import job, log

with job(snakemake.log[0], snakemake.threads):
    found = scores.read(snakemake.input.sat, snakemake.params.attack)
    table = components.read(snakemake.input.components, found.models)
    first, second = found.pairs()
    sat = found.sat[first, second]
    # Pairs without common images have no SAT.
    first, second, sat = (values[pd.notna(sat)] for values in (first, second, sat))
    settings = components.Boosting(**snakemake.params.settings)
    explained = components.explain(sat, first, second, table, settings)
    tables.write(snakemake.output.importance, components.importance_table(sat, first, second, table, explained))
    rows = [
        ("pairs", explained.r2_pairs, len(found.models), len(sat)),
        ("models", explained.r2_models, len(found.models), len(sat)),
    ]
    tables.write(snakemake.output.regression, pd.DataFrame(rows, columns=["held_out", "r2", "models", "pairs"]))
    log.info("R2 %.3f over pairs, %.3f with models held out", explained.r2_pairs, explained.r2_models)
