"""Compute the statistic of every claim of the papers that the study has tables for."""

import pandas as pd
from kindred.figures.layout.reading import with_results
from kindred.tables import claims, tables
from kindred.workflow.job import job, log

with job(snakemake.log[0], snakemake.threads):
    paths = dict(zip(snakemake.params.tables, snakemake.input, strict=True))
    # No word stands for an undefined value: a model may be called `NA`.
    read = {
        name: with_results(pd.read_csv(path, keep_default_na=False, na_values=[""])) for name, path in paths.items()
    }
    table = claims.claims_table(snakemake.params.claims, read)
    tables.write(snakemake.output[0], table)
    for row in table.itertuples():
        log.info("%s: %s (%.3g, 95 %% interval %.3g to %.3g)", row.text, row.verdict, row.value, row.low, row.high)
