# Which images everything is measured on, and which the models are trained on.

from kindred.images.catalogue import SOURCES, TRAINING_KEYS

# How models normalise, and how many images may be broken, decides no image.
NOT_IN_CHOICE = ("mean", "std", "broken")
# Keys of the evaluated images, and of training images.
BROUGHT = ("folder", "labels", "file", "training_folder", "training_file")
SOURCE = SOURCES[config["images"]["source"]]


localrules:
    list_images,


rule images:
    """Target: the chosen images."""
    input:
        "<results>/images/natural.zarr",
        "<results>/images/training.zarr",
        "<results>/images/chosen.csv",


rule select_evaluation_images:
    input:
        lambda wildcards: sources(BROUGHT[:3], "natural"),
    output:
        directory("<results>/images/natural.zarr"),
    log:
        "<logs>/select_evaluation_images.log",
    conda:
        "../envs/torch.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=60,
    params:
        **uses("select_evaluation_images", SOURCE.module),
        settings=image_settings(*NOT_IN_CHOICE, *TRAINING_KEYS),
        files=image_files("labels", "file", "classes"),
    script:
        "../scripts/select_evaluation_images.py"


rule select_training_images:
    input:
        lambda wildcards: sources(BROUGHT, "training"),
        natural="<results>/images/natural.zarr",
    output:
        directory("<results>/images/training.zarr"),
    log:
        "<logs>/select_training_images.log",
    conda:
        "../envs/torch.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=60,
    params:
        **uses("select_training_images", SOURCE.module),
        settings=image_settings(*NOT_IN_CHOICE),
        files=image_files("labels", "file", "classes", "training_file"),
    script:
        "../scripts/select_training_images.py"


rule list_images:
    input:
        natural="<results>/images/natural.zarr",
        training="<results>/images/training.zarr",
    output:
        "<results>/images/chosen.csv",
    log:
        "<logs>/list_images.log",
    conda:
        "../envs/figures.yaml"
    params:
        **uses("list_images"),
    script:
        "../scripts/list_images.py"
