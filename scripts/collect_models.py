"""Put what is known of every model into a table, and its accuracy, clean and under every attack, into another."""

from kindred.models import accuracy, descriptions
from kindred.tables import models as models_tables
from kindred.tables import tables
from kindred.workflow.job import job

with job(snakemake.log[0], snakemake.threads):
    names = snakemake.params.order
    labels = {name: snakemake.params.labels[name] for name in names}
    described = dict(zip(names, map(descriptions.read, snakemake.input.models[1::2]), strict=True))
    for name, expected in snakemake.params.expected.items():
        accuracy.demand(name, described[name], expected)
    paths = iter(snakemake.input.adversarial)
    attacked = {attack: {name: next(paths) for name in names} for attack in snakemake.params.attacks}
    table = models_tables.models_table(labels, described, attacked)
    tables.write(snakemake.output.models, models_tables.with_left_out(table, snakemake.params.left_out))
    tables.write(snakemake.output.accuracies, models_tables.accuracies_table(described, attacked))
