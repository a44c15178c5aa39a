"""Put what models say to natural images against what they say to adversarial ones into a table."""

from kindred import layertables, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    measure = snakemake.params.measure
    pairs = zip(snakemake.params.models, snakemake.input.looks, strict=True)
    looks = {model: layertables.read(path) for model, path in pairs}
    tables.write(snakemake.output[0], layertables.benign_table(looks, snakemake.params.attacks, measure))
