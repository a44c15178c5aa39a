# Does what fools one model fool another? One job shows a group of models the adversarial images of another group.


rule transfer:
    """Target: what every model says to the adversarial images of every other."""
    input:
        expand("<results>/transfer/{attack}/{tile}.zarr", attack=ATTACKS, tile=ORDERED_TILES),


rule cross_evaluate:
    input:
        natural=lambda wildcards: natural_images(),
        adversarial=lambda wildcards: adversarial_images(wildcards.attack, group(wildcards.tile, 0)),
        targets=lambda wildcards: weights(group(wildcards.tile, 1)),
    output:
        directory("<results>/transfer/{attack}/{tile}.zarr"),
    log:
        "<logs>/cross_evaluate/{attack}/{tile}.log",
    benchmark:
        "<benchmarks>/cross_evaluate/{attack}/{tile}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=growing(8000),
        runtime=240,
    params:
        members=lambda wildcards: members(TRANSFER, wildcards.attack, wildcards.tile),
    script:
        "../scripts/cross_evaluate.py"
