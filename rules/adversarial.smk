# Images changed to fool one model.


rule adversarial:
    """Target: adversarial images of every model under every attack."""
    input:
        expand("<results>/images/adversarial/{attack}/{model}.zarr", attack=ATTACKS, model=MODELS),


rule attack_model:
    input:
        natural="<results>/images/natural.zarr",
        weights="<results>/models/{model}.safetensors",
        description="<results>/models/{model}.json",
    output:
        directory("<results>/images/adversarial/{attack}/{model}.zarr"),
    log:
        "<logs>/attack_model/{attack}/{model}.log",
    benchmark:
        "<benchmarks>/attack_model/{attack}/{model}.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=GPUS,
        mem_mb=growing(4000),
        runtime=120,
    params:
        **uses("attack_model", attack_module),
        settings=lambda wildcards: attack_settings(wildcards.attack),
    script:
        "../scripts/attack_model.py"
