# What will it cost? Each network of the study is measured on a few images, before anything else is made.


rule forecast:
    """Target: what the study and the papers' targets will cost, stage by stage: jobs, hours, memory and disk."""
    input:
        lambda wildcards: forecast_table(),
    log:
        "<logs>/forecast.log",
    conda:
        "../envs/figures.yaml"
    script:
        "../scripts/forecast.py"


rule collect_forecast:
    input:
        lambda wildcards: measured_costs(),
    output:
        "<results>/forecast/forecast.csv",
    log:
        "<logs>/collect_forecast.log",
    conda:
        "../envs/figures.yaml"
    params:
        config=forecast_config(),
        layered=layered_work(),
        measured_as=MEASURED_AS,
        made=lambda wildcards: made_forecast(),
    script:
        "../scripts/collect_forecast.py"


rule measure_costs:
    input:
        natural=lambda wildcards: natural_images(),
        training=lambda wildcards: training_images(),
    output:
        "<results>/forecast/{model}.json",
    log:
        "<logs>/measure_costs/{model}.log",
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=growing(4000),
        runtime=30,
    params:
        settings=canonical(config["images"]),
        entry=lambda wildcards: network(wildcards.model),
        layers=lambda wildcards: layer_choice(config, wildcards.model),
        look=lambda wildcards: looked_at(wildcards.model),
        made=lambda wildcards: made_costs(wildcards.model),
    script:
        "../scripts/measure_costs.py"
