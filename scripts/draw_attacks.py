"""Draw SAT under every attack against SAT under every other."""

from kindred.figures import measures, style, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    look = snakemake.config["figures"]
    pairs, mantel = tables.read(snakemake.input.pairs), tables.read(snakemake.input.mantel)
    shown = snakemake.params.measures
    figure = measures.draw(pairs, mantel, shown, dpi=look["dpi"], font_size=look["font_size"])
    caption = measures.caption(pairs, mantel, shown)
    style.save(figure, snakemake.output.png, snakemake.output.pdf, caption, font_size=look["font_size"])
