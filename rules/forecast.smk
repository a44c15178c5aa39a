# What a study will cost. Each network of the study is measured on a few images, before anything else is made.

from kindred.forecast.costs import stages

LAYERED_BY = {key: layer_settings()[key] for key in ("layers", "fraction", "pooled")}


localrules:
    forecast,


rule forecast:
    """Target: what the study and the papers' targets will cost, stage by stage: jobs, hours and disk."""
    input:
        lambda wildcards: [f"<results>/forecast/{model}.json" for model in dict.fromkeys(measured_as().values())],
    log:
        "<logs>/forecast.log",
    conda:
        "../envs/figures.yaml"
    params:
        measured_as=lambda wildcards: measured_as(),
        snakefile=str(ROOT / "Snakefile"),
        table=str(RESULTS / "forecast" / "forecast.csv"),
        targets=["all", *(paper for paper in ("hwang2024", "cianfarani2022") if drawn(paper))],
    script:
        "../scripts/forecast.py"


rule measure_rates:
    input:
        natural="<results>/images/natural.zarr",
    output:
        "<results>/forecast/{model}.json",
    log:
        "<logs>/measure_rates/{model}.log",
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=GPUS,
        mem_mb=growing(4000),
        runtime=30,
    params:
        **uses("measure_rates"),
        settings=lambda wildcards: network_settings(wildcards.model),
        images=input_settings(),
    script:
        "../scripts/measure_rates.py"
