"""Collect CCA, SVCCA, PWCCA, Procrustes and CKA of corresponding layers in a table."""

import pandas as pd
from kindred.tables import tables
from kindred.workflow.job import job

with job(snakemake.log[0], snakemake.threads):
    parts = [pd.read_csv(path) for path in snakemake.input]
    tables.write(snakemake.output[0], pd.concat(parts, ignore_index=True))
