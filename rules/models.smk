# From a config entry to weights: trained here, or brought along.


rule models:
    """Target: every model's weights, how to build it, and its clean accuracy."""
    input:
        expand(
            "<results>/models/{model}.{kind}",
            model=MODELS,
            kind=["safetensors", "json"],
        ),


rule train_model:
    input:
        training=lambda wildcards: training_images(),
        natural=lambda wildcards: natural_images(),
    output:
        weights="<results>/models/{model}.safetensors",
        description="<results>/models/{model}.json",
    log:
        "<logs>/train_model/{model}.log",
    benchmark:
        "<benchmarks>/train_model/{model}.tsv"
    wildcard_constraints:
        model=one_of(TRAINED),
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=growing(4000),
        runtime=60,
    params:
        entry=lambda wildcards: model_settings(wildcards.model),
        images=canonical(config["images"]),
        made=lambda wildcards: made_model(wildcards.model),
    script:
        "../scripts/train_model.py"


rule import_checkpoint:
    input:
        checkpoint=lambda wildcards: brought(wildcards.model),
        natural=lambda wildcards: natural_images(),
    output:
        weights="<results>/models/{model}.safetensors",
        description="<results>/models/{model}.json",
    log:
        "<logs>/import_checkpoint/{model}.log",
    benchmark:
        "<benchmarks>/import_checkpoint/{model}.tsv"
    wildcard_constraints:
        model=one_of(IMPORTED),
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=growing(4000),
        runtime=30,
    params:
        entry=lambda wildcards: model_settings(wildcards.model),
        images=canonical(config["images"]),
        made=lambda wildcards: made_model(wildcards.model),
    script:
        "../scripts/import_checkpoint.py"
