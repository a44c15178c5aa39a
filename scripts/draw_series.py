"""Draw a series of models side by side: similarity of corresponding layers, and accuracy."""

from kindred.figures import series as drawn
from kindred.figures import style, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    look = snakemake.config["figures"]
    series, accuracy, models = (
        tables.read(snakemake.input[name]) for name in ("series", "accuracy", "models")
    )
    name = snakemake.wildcards.series
    figure = drawn.draw(series, accuracy, models, series=name, dpi=look["dpi"], font_size=look["font_size"])
    caption = drawn.caption(series, accuracy, models, series=name)
    style.save(figure, snakemake.output.png, snakemake.output.pdf, caption, font_size=look["font_size"])
