"""Draw how good an attack is on every model."""

from kindred.figures import quality, style, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    look = snakemake.config["figures"]
    table = tables.read(snakemake.input.quality)
    figure = quality.draw(table, dpi=look["dpi"], font_size=look["font_size"])
    caption = quality.caption(table)
    style.save(figure, snakemake.output.png, snakemake.output.pdf, caption, font_size=look["font_size"])
