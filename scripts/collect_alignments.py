"""Put what CCA, SVCCA, PWCCA, Procrustes and CKA say of the same layers into one table."""

import pandas as pd
from kindred import tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    parts = [pd.read_csv(path) for path in snakemake.input]
    tables.write(snakemake.output[0], pd.concat(parts, ignore_index=True))
