# From a config entry to weights: trained here, or imported. Labels of a model are no part of it: tables read them.

from kindred.models import catalogue as model_sources

# What decides the weights of a model trained here, and those of an imported one beside its checkpoint.
TRAINED_BY = ("architecture", "arguments", "recipe", "seed", "output")
IMPORTED_AS = ("architecture", "arguments", "mean", "std", "input_size", "output")
# Of these models snapshots are kept on the way (rules/layerwise.smk).
WITH_SNAPSHOTS = ((config["layerwise"] or {}).get("epochs") or {"models": []})["models"]


rule models:
    """Target: every model's weights, how to build it, and its clean accuracy."""
    input:
        weights(MODELS),


rule checkpoints:
    """Target: every imported model's weights, found or fetched (the one stage that may need a network)."""
    input:
        expand("<results>/checkpoints/{model}.safetensors", model=IMPORTED),


rule train_model:
    input:
        training="<results>/images/training.zarr",
        natural="<results>/images/natural.zarr",
    output:
        weights="<results>/models/{model}.safetensors",
        description="<results>/models/{model}.json",
    log:
        "<logs>/train_model/{model}.log",
    benchmark:
        "<benchmarks>/train_model/{model}.tsv"
    wildcard_constraints:
        model=one_of([name for name in TRAINED if name not in WITH_SNAPSHOTS]),
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=GPUS,
        mem_mb=growing(4000),
        runtime=60,
    params:
        **uses("train_model", training_module),
        entry=lambda wildcards: model_settings(wildcards.model),
        images=input_settings(),
    script:
        "../scripts/train_model.py"


rule convert_checkpoint:
    input:
        files=lambda wildcards: weights_brought(wildcards.model),
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
    resources:
        mem_mb=growing(4000),
        runtime=60,
    params:
        **uses("convert_checkpoint", source_module),
        entry=lambda wildcards: canonical(facts(wildcards.model).deciding),
        files=lambda wildcards: content_of(*facts(wildcards.model).files),
    script:
        "../scripts/convert_checkpoint.py"


rule import_checkpoint:
    input:
        weights="<results>/checkpoints/{model}.safetensors",
        description="<results>/checkpoints/{model}.json",
        natural="<results>/images/natural.zarr",
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
    resources:
        gpu=GPUS,
        mem_mb=growing(4000),
        runtime=30,
    params:
        **uses("import_checkpoint"),
        entry=lambda wildcards: model_settings(wildcards.model),
        images=input_settings(),
    script:
        "../scripts/import_checkpoint.py"
