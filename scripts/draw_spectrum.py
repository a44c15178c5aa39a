"""Draw the eigenvalues that speak for a number of groups, and how stable groups are."""

from kindred.figures import spectrum, style, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    look = snakemake.config["figures"]
    shown = [tables.read(path) for path in (snakemake.input.eigenvalues, snakemake.input.stability)]
    groups = tables.read(snakemake.input.clusters)
    figure = spectrum.draw(*shown, groups, dpi=look["dpi"], font_size=look["font_size"])
    caption = spectrum.caption(*shown, groups)
    style.save(figure, snakemake.output.png, snakemake.output.pdf, caption, font_size=look["font_size"])
