# Images that look like others but say the same to one model (Jones 2022).


rule inverted:
    input:
        expand(
            "<results>/images/inverted/{inversion}/{model}.zarr",
            inversion=INVERSIONS,
            model=MODELS,
        ),
    """Target: images inverted through every model."""
    localrule: True


rule invert_images:
    input:
        natural=ancient("<results>/images/natural.zarr"),
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
        mem_mb=4000,
        runtime=1440,
    params:
        settings=lambda wildcards: inversion_settings(wildcards.inversion),
        made=lambda wildcards: made_inverted(wildcards.inversion, wildcards.model),
    script:
        "../scripts/invert_images.py"
