"""Draw what layers say to natural images against what they say to adversarial ones."""

from kindred.figures import layerlines, style, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    look = snakemake.config["figures"]
    size = {"dpi": look["dpi"], "font_size": look["font_size"]}
    benign = tables.read(snakemake.input.benign)
    accuracy = tables.read(snakemake.input.accuracy)
    figure = layerlines.draw_benign(benign, **size)
    caption = layerlines.benign_caption(benign, accuracy)
    style.save(figure, snakemake.output.png, snakemake.output.pdf, caption, font_size=look["font_size"])
