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
        model=one_of(TRAINED_PLAINLY),
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=growing(4000),
        runtime=60,
    params:
        entry=lambda wildcards: model_settings(wildcards.model),
        images=input_settings(),
        made=lambda wildcards: made_model(wildcards.model),
    script:
        "../scripts/train_model.py"


rule checkpoints:
    """Target: every imported model's weights, found or fetched (the one stage that may need a network)."""
    input:
        expand("<results>/checkpoints/{model}.safetensors", model=IMPORTED),


rule convert_checkpoint:
    input:
        files=lambda wildcards: brought(wildcards.model),
    output:
        weights="<results>/checkpoints/{model}.safetensors",
        description="<results>/checkpoints/{model}.json",
    log:
        "<logs>/convert_checkpoint/{model}.log",
    benchmark:
        "<benchmarks>/convert_checkpoint/{model}.tsv"
    wildcard_constraints:
        model=one_of(IMPORTED),
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=60,
    params:
        entry=lambda wildcards: canonical(origins.asked(EVERY_MODEL[wildcards.model])),
        made=lambda wildcards: made_checkpoint(wildcards.model),
    script:
        "../scripts/convert_checkpoint.py"


rule import_checkpoint:
    input:
        checkpoint=lambda wildcards: converted(wildcards.model),
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
        images=input_settings(),
        made=lambda wildcards: made_model(wildcards.model),
    script:
        "../scripts/import_checkpoint.py"
