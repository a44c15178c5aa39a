"""Draw agreement of stitched models with their heads against the training budget."""

from kindred.figures import stitching, style, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    look = snakemake.config["figures"]
    table = tables.read(snakemake.input.stitching)
    models = tables.read(snakemake.input.models)
    figure = stitching.draw(table, models, dpi=look["dpi"], font_size=look["font_size"])
    caption = stitching.caption(table, models)
    style.save(figure, snakemake.output.png, snakemake.output.pdf, caption, font_size=look["font_size"])
