"""Draw corresponding layers of two models by CKA and other measures."""

from kindred.figures import layerlines, style, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    look = snakemake.config["figures"]
    size = {"dpi": look["dpi"], "font_size": look["font_size"]}
    alignments = tables.read(snakemake.input.alignments)
    figure = layerlines.draw_alignments(alignments, **size)
    caption = layerlines.alignments_caption(alignments)
    style.save(figure, snakemake.output.png, snakemake.output.pdf, caption, font_size=look["font_size"])
