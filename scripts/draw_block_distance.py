"""Draw block structure in numbers: similarity by distance of layers, and summaries."""

from kindred.figures import blocks, style, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    look = snakemake.config["figures"]
    size = {"dpi": look["dpi"], "font_size": look["font_size"]}
    distance = tables.read(snakemake.input.distance)
    structure = tables.read(snakemake.input.structure)
    figure = blocks.draw_distance(distance, structure, **size)
    caption = blocks.distance_caption(structure)
    style.save(figure, snakemake.output.png, snakemake.output.pdf, caption, font_size=look["font_size"])
