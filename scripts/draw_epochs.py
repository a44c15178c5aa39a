"""Draw layers over training."""

from kindred.figures import layerlines, style, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    look = snakemake.config["figures"]
    size = {"dpi": look["dpi"], "font_size": look["font_size"]}
    epochs = tables.read(snakemake.input.epochs)
    figure = layerlines.draw_epochs(epochs, **size)
    caption = layerlines.epochs_caption(epochs)
    style.save(figure, snakemake.output.png, snakemake.output.pdf, caption, font_size=look["font_size"])
