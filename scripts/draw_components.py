"""Draw which components make models alike."""

from kindred.figures import components, style, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    look = snakemake.config["figures"]
    importance, regression = (
        tables.read(path) for path in (snakemake.input.importance, snakemake.input.regression)
    )
    figure = components.draw(importance, dpi=look["dpi"], font_size=look["font_size"])
    caption = components.caption(importance, regression)
    style.save(figure, snakemake.output.png, snakemake.output.pdf, caption, font_size=look["font_size"])
