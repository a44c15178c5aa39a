"""Draw layer x layer similarity of pairs of models, on one scale."""

from kindred.figures import layers, style, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    look = snakemake.config["figures"]
    layers_table = tables.read(snakemake.input.layers)
    models = tables.read(snakemake.input.models)
    options = snakemake.params.options
    chosen = {"measure": options["measure"], "pairs": options["panels"]}
    figure = layers.draw(layers_table, models, **chosen, dpi=look["dpi"], font_size=look["font_size"])
    caption = layers.caption(layers_table, models, **chosen)
    style.save(figure, snakemake.output.png, snakemake.output.pdf, caption, font_size=look["font_size"])
