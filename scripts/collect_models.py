"""Put what is known of every model, and its accuracy under every attack, into one table."""

from kindred import records, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    names = snakemake.params.models
    about = {name: records.read(path) for name, path in zip(names, snakemake.input.models[1::2], strict=True)}
    paths = iter(snakemake.input.adversarial)
    attacked = {attack: {name: next(paths) for name in names} for attack in snakemake.params.attacks}
    tables.write(snakemake.output[0], tables.models_table(about, attacked))
