"""Draw seed, target and inverted images of some models side by side, with the residual of each inversion."""

from kindred import store
from kindred.figures import gallery, style, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    look = snakemake.config["figures"]
    models = tables.read(snakemake.input.models)
    pictures = store.array(snakemake.input.gallery, "images")[:]
    residual = store.array(snakemake.input.gallery, "residual")[:]
    inverters = store.strings(snakemake.input.gallery, "inverter")
    figure = gallery.draw(pictures, residual, inverters, models, dpi=look["dpi"], font_size=look["font_size"])
    caption = gallery.caption(pictures, residual, inverters, models, inversion=snakemake.params.inversion)
    style.save(figure, snakemake.output.png, snakemake.output.pdf, caption, font_size=look["font_size"])
