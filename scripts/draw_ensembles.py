"""Draw what ensembles gain against how alike their members are."""

from kindred.figures import ensembles, style, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    look = snakemake.config["figures"]
    sets, gains, choice = (
        tables.read(path)
        for path in (snakemake.input.ensembles, snakemake.input.gains, snakemake.input.choice)
    )
    figure = ensembles.draw(sets, gains, dpi=look["dpi"], font_size=look["font_size"])
    caption = ensembles.caption(sets, gains, choice)
    style.save(figure, snakemake.output.png, snakemake.output.pdf, caption, font_size=look["font_size"])
