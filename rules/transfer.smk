# Does what fools one model fool another? One job shows a group of models the adversarial images of another group.


rule transfer:
    input:
        expand(
            "<results>/transfer/{attack}/{tile}.zarr",
            attack=ATTACKS,
            tile=ORDERED_TILES,
        ),
    """Target: what every model says to the adversarial images of every other."""
    localrule: True


rule cross_evaluate:
    input:
        natural=ancient("<results>/images/natural.zarr"),
        adversarial=lambda wildcards: each(
            f"<results>/images/adversarial/{wildcards.attack}/{{}}.zarr",
            GROUPS[int(wildcards.a)],
        ),
        models=lambda wildcards: weights(GROUPS[int(wildcards.b)]),
    output:
        directory(TRANSFER_TILE),
    log:
        "<logs>/cross_evaluate/{attack}/{a}x{b}.log",
    benchmark:
        "<benchmarks>/cross_evaluate/{attack}/{a}x{b}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=8000,
        runtime=240,
    params:
        sources=lambda wildcards: GROUPS[int(wildcards.a)],
        targets=lambda wildcards: GROUPS[int(wildcards.b)],
        members=members_transfer,
    script:
        "../scripts/cross_evaluate.py"
