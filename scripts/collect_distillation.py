"""Put what teachers gave students into one table, beside how alike student and teacher were before."""

import pandas as pd
from kindred import scores, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    table = pd.concat([pd.read_csv(path) for path in snakemake.input.taught], ignore_index=True)
    found = scores.read(snakemake.input.sat, snakemake.params.attack)
    place = {name: index for index, name in enumerate(found.models)}
    pairs = zip(table["student"].astype(str), table["teacher"].astype(str), strict=True)
    table["sat"] = [found.sat[place[student], place[teacher]] for student, teacher in pairs]
    tables.write(snakemake.output[0], table)
