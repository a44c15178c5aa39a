"""Draw layers against layers on adversarial images, on one scale."""

from kindred.figures import blocks, style, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    look = snakemake.config["figures"]
    size = {"dpi": look["dpi"], "font_size": look["font_size"]}
    panels = tables.read(snakemake.input.panels)
    models = tables.read(snakemake.input.models)
    figure = blocks.draw(panels, models, measure=snakemake.params.measure, natural=False, **size)
    caption = blocks.caption(panels, measure=snakemake.params.measure, natural=False)
    style.save(figure, snakemake.output.png, snakemake.output.pdf, caption, font_size=look["font_size"])
