# What a model says to images, layer by layer.


rule activations:
    input:
        expand("<results>/activations/{model}/natural.zarr", model=MODELS),
    """Target: activations of every model on the natural images."""
    localrule: True


rule extract_activations:
    input:
        images=lambda wildcards: ancient(stimuli_store(wildcards.stimuli)),
        model=lambda wildcards: weights([wildcards.model]),
    output:
        directory("<results>/activations/{model}/{stimuli}.zarr"),
    log:
        "<logs>/extract_activations/{model}/{stimuli}.log",
    benchmark:
        "<benchmarks>/extract_activations/{model}/{stimuli}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=4000,
        runtime=60,
    params:
        layers=lambda wildcards: layer_choice(wildcards.model),
        made=lambda wildcards: made_activations(wildcards.model, wildcards.stimuli),
    script:
        "../scripts/extract_activations.py"
