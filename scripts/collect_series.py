"""Put series of models into tables: corresponding layers of all pairs, each model with itself, its summaries."""

from kindred import layertables, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    measure = snakemake.params.measure
    pairs = zip(snakemake.params.series, snakemake.input.looks, strict=True)
    looks = {name: layertables.read(path) for name, path in pairs}
    tables.write(snakemake.output.series, layertables.series_table(looks, measure))
    tables.write(snakemake.output.cells, layertables.series_cells_table(looks, measure))
    tables.write(snakemake.output.structure, layertables.series_structure_table(looks, measure))
