"""Draw ours beside what Jones et al. 2022 published."""

from kindred.figures import published, style, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    look = snakemake.config["figures"]
    cells = tables.read(snakemake.input.cells)
    summary = tables.read(snakemake.input.summary)
    figure = published.draw(cells, dpi=look["dpi"], font_size=look["font_size"])
    caption = published.caption(cells, summary, measure=snakemake.params.measure)
    style.save(figure, snakemake.output.png, snakemake.output.pdf, caption, font_size=look["font_size"])
