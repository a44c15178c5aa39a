# Images changed to fool one model.


rule adversarial:
    input:
        expand(
            "<results>/images/adversarial/{attack}/{model}.zarr",
            attack=ATTACKS,
            model=MODELS,
        ),
    """Target: adversarial images of every model under every attack."""
    localrule: True


rule attack_model:
    input:
        natural=ancient("<results>/images/natural.zarr"),
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
        mem_mb=4000,
        runtime=120,
    params:
        settings=lambda wildcards: config["attacks"][wildcards.attack],
        made=lambda wildcards: made_adversarial(wildcards.attack, wildcards.model),
    script:
        "../scripts/attack_model.py"
