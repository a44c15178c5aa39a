"""Draw SAT of pairs of models by what they differ in."""

from kindred.figures import style, tables, variation
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    look = snakemake.config["figures"]
    table = tables.read(snakemake.input.variation)
    figure = variation.draw(table, dpi=look["dpi"], font_size=look["font_size"])
    caption = variation.caption(table)
    style.save(figure, snakemake.output.png, snakemake.output.pdf, caption, font_size=look["font_size"])
