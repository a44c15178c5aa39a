"""Draw model x model similarity on natural images beside the same on inverted images."""

from kindred.figures import cka, style, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    look = snakemake.config["figures"]
    cka_table = tables.read(snakemake.input.cka)
    models = tables.read(snakemake.input.models)
    options = snakemake.params.options
    if options["inversion"] is None:
        cka_table = cka_table[cka_table["stimuli"] == "natural"]
    chosen = {"measure": options["measure"], "inversion": options["inversion"]}
    figure = cka.draw(cka_table, models, **chosen, dpi=look["dpi"], font_size=look["font_size"])
    caption = cka.caption(cka_table, models, **chosen)
    style.save(figure, snakemake.output.png, snakemake.output.pdf, caption, font_size=look["font_size"])
