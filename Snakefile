# What there is to ask for. Each rule below is a target: `snakemake --list` shows them with their sentence,
# `snakemake activations` makes one stage and what it needs, plain `snakemake` makes the whole study, and
# `snakemake hwang2024` what else can be made of SAT, `snakemake cianfarani2022` what layers say to each other.

from snakemake.utils import min_version

min_version("9.27")


# A study given with --configfile takes the place of the default one instead of being mixed into it.
if not workflow.overwrite_configfiles:

    configfile: "config.yaml"


pathvars:
    logs="<results>/logs",
    benchmarks="<results>/benchmarks",


# The limit on GPUs in profiles/default is one per machine, not one per cluster.
resource_scopes:
    gpu="local",


include: "rules/common.smk"
include: "rules/arrays.smk"
include: "rules/takeover.smk"
include: "rules/lineage.smk"
include: "rules/checkpoint_lineage.smk"
include: "rules/table_lineage.smk"
include: "rules/images.smk"
include: "rules/models.smk"
include: "rules/adversarial.smk"
include: "rules/inversion.smk"
include: "rules/activations.smk"
include: "rules/transfer.smk"
include: "rules/similarity.smk"
include: "rules/tables.smk"
include: "rules/figures.smk"
include: "rules/sat_lineage.smk"
include: "rules/sat.smk"
include: "rules/sat_figures.smk"
include: "rules/cianfarani_lineage.smk"
include: "rules/cianfarani.smk"
include: "rules/cianfarani_figures.smk"
include: "rules/forecast_lineage.smk"
include: "rules/forecast.smk"
include: "rules/local.smk"


localrules:
    all,
    images,
    checkpoints,
    models,
    adversarial,
    inverted,
    activations,
    transfer,
    similarity,
    tables,
    figures,
    hwang2024,
    jones2022,
    cianfarani2022,
    forecast,


rule all:
    """Target: the whole study, tables and figures (what plain `snakemake` makes)."""
    default_target: True
    input:
        rules.tables.input,
        rules.figures.input,
