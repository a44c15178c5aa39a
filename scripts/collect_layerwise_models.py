"""Put what is known of the models whose layers are compared, and their accuracy under attack, into two tables."""

from kindred.models import descriptions
from kindred.tables import layerwise, tables
from kindred.tables import models as models_tables
from kindred.workflow.job import job

with job(snakemake.log[0], snakemake.threads):
    names = snakemake.params.order
    labels = {name: snakemake.params.labels[name] for name in names}
    described = dict(zip(names, map(descriptions.read, snakemake.input.models[1::2]), strict=True))
    tables.write(snakemake.output.models, models_tables.models_table(labels, described, {}))
    tables.write(snakemake.output.accuracy, layerwise.accuracy_table(snakemake.input.adversarial))
