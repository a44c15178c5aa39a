# Images changed to fool one model.


rule adversarial:
    """Target: adversarial images of every model under every attack."""
    input:
        expand(
            "<results>/images/adversarial/{attack}/{model}.zarr",
            attack=ATTACKS,
            model=MODELS,
        ),


rule attack_model:
    input:
        natural=lambda wildcards: natural_images(),
        model=lambda wildcards: weights([wildcards.model]),
    output:
        directory("<results>/images/adversarial/{attack}/{model}.zarr"),
    log:
        "<logs>/attack_model/{attack}/{model}.log",
    benchmark:
        "<benchmarks>/attack_model/{attack}/{model}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=growing(4000),
        runtime=120,
    params:
        settings=lambda wildcards: attack_settings(wildcards.attack),
        made=lambda wildcards: made_adversarial(wildcards.attack, wildcards.model),
    script:
        "../scripts/attack_model.py"
