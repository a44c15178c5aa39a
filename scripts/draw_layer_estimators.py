"""Draw how far estimators of CKA lie apart on the same layers."""

from kindred.figures import layerlines, style, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    look = snakemake.config["figures"]
    size = {"dpi": look["dpi"], "font_size": look["font_size"]}
    panels = tables.read(snakemake.input.panels)
    estimators = tables.read(snakemake.input.estimators)
    figure = layerlines.draw_estimators(panels, estimators, **size)
    caption = layerlines.estimators_caption(estimators)
    style.save(figure, snakemake.output.png, snakemake.output.pdf, caption, font_size=look["font_size"])
