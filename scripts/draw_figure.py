"""Draw one figure of the catalogue from its tables."""

from importlib import import_module

from kindred.figures.layout import page, reading, style
from kindred.workflow.job import job

look = {key: snakemake.params.look[key] for key in ("dpi", "font_size")}
with job(snakemake.log[0], snakemake.threads), style.applied(**look) as chosen:
    module, options = import_module(snakemake.params.module), snakemake.params.options
    found = reading.read_all(snakemake.params.tables, snakemake.input)
    figure, caption = module.draw(found, options, chosen)
    page.save(figure, snakemake.output.png, snakemake.output.pdf, caption, chosen)
