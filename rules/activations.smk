# Activations of every model, layer by layer.


rule activations:
    """Target: activations of every model on the natural images."""
    input:
        activations_of(MODELS),


rule extract_activations:
    input:
        images=lambda wildcards: stimuli_images(wildcards.stimuli),
        weights="<results>/models/{model}.safetensors",
        description="<results>/models/{model}.json",
    output:
        directory("<results>/activations/{model}/{stimuli}.zarr"),
    log:
        "<logs>/extract_activations/{model}/{stimuli}.log",
    benchmark:
        "<benchmarks>/extract_activations/{model}/{stimuli}.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=GPUS,
        mem_mb=growing(4000),
        runtime=60,
    params:
        **uses("extract_activations"),
        layers=lambda wildcards: entries.layer_choice(config, wildcards.model),
    script:
        "../scripts/extract_activations.py"
