"""Draw accuracy over training, and beside it how like the end layers are."""

from kindred.figures import layerlines, style, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    look = snakemake.config["figures"]
    size = {"dpi": look["dpi"], "font_size": look["font_size"]}
    epochs = tables.read(snakemake.input.epochs)
    curves = tables.read(snakemake.input.curves)
    figure = layerlines.draw_curves(epochs, curves, **size)
    caption = layerlines.curves_caption(curves)
    style.save(figure, snakemake.output.png, snakemake.output.pdf, caption, font_size=look["font_size"])
