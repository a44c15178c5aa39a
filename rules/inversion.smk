# Images whose representation in one model is that of other images (Jones et al. 2022).

# How the work is cut, and what counts as converged afterwards, decides no image.
NOT_IN_IMAGES = ("chunk", "converged", "leave_out")


rule inverted:
    """Target: images inverted through every model."""
    input:
        [inverted_images(inversion, MODELS) for inversion in INVERSIONS],


rule invert_images:
    input:
        natural="<results>/images/natural.zarr",
        training=lambda wildcards: training_seeds(wildcards.inversion),
        weights="<results>/models/{model}.safetensors",
        description="<results>/models/{model}.json",
    output:
        directory("<results>/images/inverted/{inversion}/{model}.zarr"),
    log:
        "<logs>/invert_images/{inversion}/{model}.log",
    benchmark:
        "<benchmarks>/invert_images/{inversion}/{model}.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=GPUS,
        mem_mb=growing(4000),
        runtime=1440,
    params:
        **uses("invert_images"),
        settings=lambda wildcards: inversion_settings(wildcards.inversion),
    script:
        "../scripts/invert_images.py"
