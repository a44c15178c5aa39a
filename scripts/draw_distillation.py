"""Draw what teachers give students against how alike they are."""

from kindred.figures import distillation, style, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    look = snakemake.config["figures"]
    table = tables.read(snakemake.input.distillation)
    figure = distillation.draw(table, dpi=look["dpi"], font_size=look["font_size"])
    caption = distillation.caption(table)
    style.save(figure, snakemake.output.png, snakemake.output.pdf, caption, font_size=look["font_size"])
