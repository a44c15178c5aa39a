"""Draw how well an inversion has worked: residuals over the steps and of the returned images."""

from kindred.figures import residuals, style, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    look = snakemake.config["figures"]
    inversions = tables.read(snakemake.input.inversions)
    curves = tables.read(snakemake.input.curves)
    models = tables.read(snakemake.input.models)
    chosen = {"inversion": snakemake.wildcards.inversion}
    figure = residuals.draw(
        inversions, curves, models, **chosen, dpi=look["dpi"], font_size=look["font_size"]
    )
    caption = residuals.caption(inversions, curves, models, **chosen)
    style.save(figure, snakemake.output.png, snakemake.output.pdf, caption, font_size=look["font_size"])
