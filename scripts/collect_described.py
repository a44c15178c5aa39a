"""Put what is known of the models that layers are compared of, and their accuracy under attack, into two tables."""

from kindred import layertables, records, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    names = snakemake.params.models
    paths = snakemake.input.models[1::2]
    about = {name: records.read(path) for name, path in zip(names, paths, strict=True)}
    tables.write(snakemake.output.models, tables.models_table(about, {}))
    tables.write(snakemake.output.accuracy, layertables.accuracy_table(snakemake.input.adversarial))
