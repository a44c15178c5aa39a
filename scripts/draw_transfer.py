"""Draw SAT in the order of its dendrogram, and the directed rates beside it."""

from kindred.figures import sat, style, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    look = snakemake.config["figures"]
    sat_table = tables.read(snakemake.input.sat)
    transfer = tables.read(snakemake.input.transfer)
    models = tables.read(snakemake.input.models)
    options = snakemake.params.options
    chosen = {"attack": options["attack"]}
    figure = sat.draw(sat_table, transfer, models, **chosen, dpi=look["dpi"], font_size=look["font_size"])
    caption = sat.caption(sat_table, transfer, models, **chosen)
    style.save(figure, snakemake.output.png, snakemake.output.pdf, caption, font_size=look["font_size"])
