"""Collect model x model similarities on natural and on inverted images in a table."""

import pandas as pd
from kindred.tables import similarity as similarity_tables
from kindred.tables import tables
from kindred.workflow.job import job

with job(snakemake.log[0], snakemake.threads):
    models = snakemake.params.models
    parts = [similarity_tables.cka_table("natural", snakemake.input.natural, models, symmetric=True)]
    inverted = list(snakemake.input.inverted)
    each = len(inverted) // max(1, len(snakemake.params.inversions))
    for index, inversion in enumerate(snakemake.params.inversions):
        tiles = inverted[index * each : (index + 1) * each]
        parts.append(similarity_tables.cka_table(inversion, tiles, models, symmetric=False))
    inversions = pd.read_csv(snakemake.input.inversions) if snakemake.input.inversions else None
    table = similarity_tables.calibrated(pd.concat(parts, ignore_index=True), snakemake.params.largest, inversions)
    tables.write(snakemake.output[0], similarity_tables.tested(table, snakemake.params.debiased))
