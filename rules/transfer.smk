# Transfer of attacks: one job shows a group of models the adversarial images of another group.


rule transfer:
    """Target: predictions of every model on the adversarial images of every other."""
    input:
        expand("<results>/transfer/{attack}/{tile}.zarr", attack=ATTACKS, tile=ORDERED_TILES),


rule cross_evaluate:
    input:
        natural="<results>/images/natural.zarr",
        adversarial=lambda wildcards: [
            stimuli_images(f"{wildcards.attack}@{model}") for model in group(wildcards.tile, 0)
        ],
        targets=group_weights(1),
        lacking=lacking("transfer/{attack}/{tile}.zarr"),
    output:
        directory("<results>/transfer/{attack}/{tile}.zarr"),
    log:
        "<logs>/cross_evaluate/{attack}/{tile}.log",
    benchmark:
        "<benchmarks>/cross_evaluate/{attack}/{tile}.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=GPUS,
        mem_mb=growing(8000),
        runtime=240,
    params:
        **uses("cross_evaluate"),
        shuffles=lambda wildcards: shuffles_of(wildcards.attack),
    script:
        "../scripts/cross_evaluate.py"
