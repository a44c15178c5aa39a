# Images that look like others but say the same to one model (Jones 2022).


rule inverted:
    """Target: images inverted through every model."""
    input:
        expand(
            "<results>/images/inverted/{inversion}/{model}.zarr",
            inversion=INVERSIONS,
            model=MODELS,
        ),


rule invert_images:
    input:
        natural=lambda wildcards: natural_images(),
        model=lambda wildcards: weights([wildcards.model]),
    output:
        directory("<results>/images/inverted/{inversion}/{model}.zarr"),
    log:
        "<logs>/invert_images/{inversion}/{model}.log",
    benchmark:
        "<benchmarks>/invert_images/{inversion}/{model}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=growing(4000),
        runtime=1440,
    params:
        settings=lambda wildcards: inversion_settings(wildcards.inversion),
        made=lambda wildcards: made_inverted(wildcards.inversion, wildcards.model),
    script:
        "../scripts/invert_images.py"
