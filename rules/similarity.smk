# How alike are two models' activations? One job compares a group of models with another, all layers at once.


rule similarity:
    """Target: all comparisons of models: activations on natural and on inverted images, gradients, stitching."""
    input:
        expand("<results>/similarity/activations/natural/{tile}.zarr", tile=UNORDERED_TILES),
        expand(
            "<results>/similarity/inverted/{inversion}/{tile}.zarr", inversion=INVERSIONS, tile=ORDERED_TILES
        ),
        expand(
            "<results>/similarity/gradients/natural/{tile}.zarr",
            tile=UNORDERED_TILES if config["gradients"] else [],
        ),
        expand(
            "<results>/similarity/stitching/natural/{tile}.zarr",
            tile=ORDERED_TILES if config["stitching"] else [],
        ),


rule compare_activations:
    input:
        first=lambda wildcards: activations_of(group(wildcards.tile, 0), wildcards.stimuli),
        second=lambda wildcards: activations_of(group(wildcards.tile, 1), wildcards.stimuli),
    output:
        directory("<results>/similarity/activations/{stimuli}/{tile}.zarr"),
    log:
        "<logs>/compare_activations/{stimuli}/{tile}.log",
    benchmark:
        "<benchmarks>/compare_activations/{stimuli}/{tile}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=growing(8000),
        runtime=240,
    params:
        settings=comparison_settings(natural=True),
        layer_measures=layer_measures(),
        members=lambda wildcards: members(ACTIVATIONS, wildcards.stimuli, wildcards.tile),
    script:
        "../scripts/compare_activations.py"


rule compare_inverted:
    input:
        natural=lambda wildcards: natural_images(),
        inverted=lambda wildcards: inverted_images(wildcards.inversion, group(wildcards.tile, 0)),
        inverters=lambda wildcards: weights(group(wildcards.tile, 0)),
        tested=lambda wildcards: weights(group(wildcards.tile, 1)),
    output:
        directory("<results>/similarity/inverted/{inversion}/{tile}.zarr"),
    log:
        "<logs>/compare_inverted/{inversion}/{tile}.log",
    benchmark:
        "<benchmarks>/compare_inverted/{inversion}/{tile}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=growing(8000),
        runtime=240,
    params:
        settings=comparison_settings(natural=False),
        largest_residual=lambda wildcards: largest_residual(wildcards.inversion),
        members=lambda wildcards: members(INVERTED, wildcards.inversion, wildcards.tile),
    script:
        "../scripts/compare_inverted.py"


rule compare_gradients:
    input:
        natural=lambda wildcards: natural_images(),
        first=lambda wildcards: weights(group(wildcards.tile, 0)),
        second=lambda wildcards: weights(group(wildcards.tile, 1)),
    output:
        directory("<results>/similarity/gradients/natural/{tile}.zarr"),
    log:
        "<logs>/compare_gradients/{tile}.log",
    benchmark:
        "<benchmarks>/compare_gradients/{tile}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=growing(8000),
        runtime=240,
    params:
        settings=canonical(config["gradients"]),
        members=lambda wildcards: members(GRADIENTS, "natural", wildcards.tile),
    script:
        "../scripts/compare_gradients.py"


rule stitch_models:
    input:
        training=lambda wildcards: training_images(),
        natural=lambda wildcards: natural_images(),
        bodies=lambda wildcards: weights(group(wildcards.tile, 0)),
        heads=lambda wildcards: weights(group(wildcards.tile, 1)),
    output:
        directory("<results>/similarity/stitching/natural/{tile}.zarr"),
    log:
        "<logs>/stitch_models/{tile}.log",
    benchmark:
        "<benchmarks>/stitch_models/{tile}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=growing(8000),
        runtime=240,
    params:
        settings=canonical(config["stitching"]),
        members=lambda wildcards: members(STITCHING, "natural", wildcards.tile),
    script:
        "../scripts/stitch_models.py"
