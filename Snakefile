# Targets: `snakemake --list` shows each with its description. Plain `snakemake` makes the whole study, `snakemake
# activations` one stage and what it needs, `snakemake hwang2024` what belongs to a paper.

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
include: "rules/inputs.smk"
include: "rules/images.smk"
include: "rules/models.smk"
include: "rules/adversarial.smk"
include: "rules/inversion.smk"
include: "rules/activations.smk"
include: "rules/transfer.smk"
include: "rules/similarity.smk"
include: "rules/tables.smk"
include: "rules/sat_analyses.smk"
include: "rules/layerwise.smk"
include: "rules/figures.smk"
include: "rules/claims.smk"
include: "rules/forecast.smk"
include: "rules/verify.smk"


# With --keep-going, the study of the models that work is made nevertheless.
onerror:
    left_out.go_on(list(EVERY_MODEL), workflow.execution_settings.keep_going, logger.warning)


rule all:
    """Target: the whole study, tables and figures (what plain `snakemake` makes)."""
    default_target: True
    input:
        rules.images.input,
        rules.tables.input,
        rules.figures.input,
