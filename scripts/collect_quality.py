"""Collect the quality checks of an attack on every model in a table."""

import pandas as pd
from kindred.tables import tables
from kindred.workflow.job import job, log

with job(snakemake.log[0], snakemake.threads):
    options = {"keep_default_na": False, "na_values": [""], "dtype": {"model": str}}
    parts = [pd.read_csv(path, **options) for path in snakemake.input]
    table = pd.concat(parts, ignore_index=True).set_index("model").loc[snakemake.params.models].reset_index()
    table.insert(0, "attack", snakemake.params.attack)
    tables.write(snakemake.output[0], table)
    for row in table[table["warning"].notna()].drop_duplicates("model").itertuples():
        log.warning("'%s' under '%s': %s", row.model, row.attack, row.warning)
