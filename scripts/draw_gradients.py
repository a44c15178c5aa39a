"""Draw cosines of input gradients against the training budget."""

from kindred.figures import gradients, style, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    look = snakemake.config["figures"]
    table = tables.read(snakemake.input.gradients)
    models = tables.read(snakemake.input.models)
    figure = gradients.draw(table, models, dpi=look["dpi"], font_size=look["font_size"])
    caption = gradients.caption(table, models)
    style.save(figure, snakemake.output.png, snakemake.output.pdf, caption, font_size=look["font_size"])
