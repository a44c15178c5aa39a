"""Draw the share of variance along each layer's first principal component."""

from kindred.figures import layerlines, style, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    look = snakemake.config["figures"]
    size = {"dpi": look["dpi"], "font_size": look["font_size"]}
    principal = tables.read(snakemake.input.principal)
    figure = layerlines.draw_principal(principal, **size)
    caption = layerlines.principal_caption(principal)
    style.save(figure, snakemake.output.png, snakemake.output.pdf, caption, font_size=look["font_size"])
