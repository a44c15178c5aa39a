"""Draw what the choice of an index does: biased CKA and its null level, debiased CKA, STIR."""

from kindred.figures import estimators, style, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    look = snakemake.config["figures"]
    cka_table = tables.read(snakemake.input.cka)
    models = tables.read(snakemake.input.models)
    chosen = {"inversion": snakemake.params.inversion}
    figure = estimators.draw(cka_table, models, **chosen, dpi=look["dpi"], font_size=look["font_size"])
    caption = estimators.caption(cka_table, models, **chosen)
    style.save(figure, snakemake.output.png, snakemake.output.pdf, caption, font_size=look["font_size"])
