"""Draw every model's accuracy, clean and under every attack."""

from kindred.figures import accuracy, style, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    look = snakemake.config["figures"]
    models = tables.read(snakemake.input.models)
    chosen = {}
    figure = accuracy.draw(models, **chosen, dpi=look["dpi"], font_size=look["font_size"])
    caption = accuracy.caption(models, **chosen)
    style.save(figure, snakemake.output.png, snakemake.output.pdf, caption, font_size=look["font_size"])
