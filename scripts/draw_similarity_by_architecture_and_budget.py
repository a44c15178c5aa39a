"""Draw inverter budget x tested budget for every pair of architectures."""

from kindred.figures import architectures, style, tables
from kindred.job import job

with job(snakemake.log[0], snakemake.threads):
    look = snakemake.config["figures"]
    cka_table = tables.read(snakemake.input.cka)
    models = tables.read(snakemake.input.models)
    options = snakemake.params.options
    chosen = {"measure": options["measure"], "inversion": options["inversion"]}
    figure = architectures.draw_budgets(
        cka_table, models, **chosen, dpi=look["dpi"], font_size=look["font_size"]
    )
    caption = architectures.caption_budgets(cka_table, models, **chosen)
    style.save(figure, snakemake.output.png, snakemake.output.pdf, caption, font_size=look["font_size"])
