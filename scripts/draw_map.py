"""Draw models on maps where those that fool each other lie near."""

from kindred.figures import map as maps
from kindred.figures import style, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    look = snakemake.config["figures"]
    places, groups = tables.read(snakemake.input.map), tables.read(snakemake.input.clusters)
    figure = maps.draw(places, groups, dpi=look["dpi"], font_size=look["font_size"])
    caption = maps.caption(places, groups)
    style.save(figure, snakemake.output.png, snakemake.output.pdf, caption, font_size=look["font_size"])
