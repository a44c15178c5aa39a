# Which images everything is measured on, and which the models are trained on.


rule images:
    """Target: the chosen images."""
    input:
        "<results>/images/natural.zarr",
        "<results>/images/training.zarr",
        "<results>/images/chosen.csv",


rule select_images:
    output:
        natural=directory("<results>/images/natural.zarr"),
        training=directory("<results>/images/training.zarr"),
        listing="<results>/images/chosen.csv",
    log:
        "<logs>/select_images.log",
    conda:
        "../envs/torch.yaml"
    params:
        settings=image_settings(),
        made=lambda wildcards: made_images(),
    script:
        "../scripts/select_images.py"
