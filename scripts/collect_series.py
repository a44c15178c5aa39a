"""Collect series of models in tables: corresponding layers of all pairs, cells and summaries."""

from kindred.tables import layerwise, tables
from kindred.workflow.job import job

with job(snakemake.log[0], snakemake.threads):
    measure = snakemake.params.measure
    pairs = zip(snakemake.params.series, snakemake.input, strict=True)
    comparisons = {name: layerwise.read(path) for name, path in pairs}
    tables.write(snakemake.output.series, layerwise.series_table(comparisons, measure))
    tables.write(snakemake.output.cells, layerwise.series_cells_table(comparisons, measure))
    tables.write(snakemake.output.structure, layerwise.series_structure_table(comparisons, measure))
