"""Draw every model of a series with itself, layers against layers."""

from kindred.figures import blocks, style, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    look = snakemake.config["figures"]
    cells, structure = (tables.read(snakemake.input[name]) for name in ("cells", "structure"))
    which = {"series": snakemake.wildcards.series, "measure": snakemake.params.measure}
    figure = blocks.draw_series(cells, **which, dpi=look["dpi"], font_size=look["font_size"])
    caption = blocks.series_caption(cells, structure, **which)
    style.save(figure, snakemake.output.png, snakemake.output.pdf, caption, font_size=look["font_size"])
