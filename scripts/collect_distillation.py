"""Collect the gains of students from teachers in a table, with the SAT of both."""

import pandas as pd
from kindred.analyses import scores
from kindred.tables import tables
from kindred.workflow.job import job

with job(snakemake.log[0], snakemake.threads):
    table = pd.concat([pd.read_csv(path) for path in snakemake.input.taught], ignore_index=True)
    found = scores.read(snakemake.input.sat, snakemake.params.attack)
    index = {name: row for row, name in enumerate(found.models)}
    pairs = zip(table["student"].astype(str), table["teacher"].astype(str), strict=True)
    table["sat"] = [found.sat[index[student], index[teacher]] for student, teacher in pairs]
    tables.write(snakemake.output[0], table)
