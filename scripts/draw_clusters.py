"""Draw SAT with the models of one group together."""

import pandas as pd
from kindred import scores
from kindred.figures import clusters, style, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    look = snakemake.config["figures"]
    sat = scores.read(snakemake.input.sat, snakemake.params.attack)
    groups = tables.read(snakemake.input.clusters)
    figure = clusters.draw(sat, groups, dpi=look["dpi"], font_size=look["font_size"])
    caption = clusters.caption(sat, groups, pd.read_csv(snakemake.input.labels))
    style.save(figure, snakemake.output.png, snakemake.output.pdf, caption, font_size=look["font_size"])
