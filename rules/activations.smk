# What a model says to images, layer by layer.


rule activations:
    """Target: activations of every model on the natural images."""
    input:
        expand("<results>/activations/{model}/natural.zarr", model=MODELS),


rule extract_activations:
    input:
        images=lambda wildcards: stimuli_images(wildcards.stimuli),
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
        mem_mb=growing(4000),
        runtime=60,
    params:
        layers=lambda wildcards: layer_choice(config, wildcards.model),
        made=lambda wildcards: made_activations(wildcards.model, wildcards.stimuli),
    script:
        "../scripts/extract_activations.py"
