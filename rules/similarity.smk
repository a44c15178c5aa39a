# Similarity of models. One job compares a group of models with another, all layers at once.

# Measures between images need inverted images beside natural ones.
NATURAL_MEASURES = [name for name in config["similarity"]["measures"] if measures.measure(name).between == "models"]
# Those of no test in closed form.
PERMUTED_MEASURES = [name for name in NATURAL_MEASURES if not measures.measure(name).debiased]
INVERTED_MEASURES = config["similarity"]["measures"]
LAYER_MEASURES = config["similarity"]["layer_measures"]


rule similarity:
    """Target: all comparisons of models: activations on natural and on inverted images, gradients, stitching."""
    input:
        tile_stores("similarity/activations", ["natural"], UNORDERED_TILES),
        tile_stores("similarity/inverted", INVERSIONS, ORDERED_TILES),
        tile_stores("similarity/gradients", ["natural"] if config["gradients"] else [], UNORDERED_TILES),
        tile_stores("similarity/stitching", ["natural"] if config["stitching"] else [], ORDERED_TILES),


rule compare_activations:
    input:
        first=lambda wildcards: activations_of(group(wildcards.tile, 0), wildcards.stimuli),
        second=lambda wildcards: activations_of(group(wildcards.tile, 1), wildcards.stimuli),
        lacking=lacking("similarity/activations/{stimuli}/{tile}.zarr"),
    output:
        directory("<results>/similarity/activations/{stimuli}/{tile}.zarr"),
    log:
        "<logs>/compare_activations/{stimuli}/{tile}.log",
    benchmark:
        "<benchmarks>/compare_activations/{stimuli}/{tile}.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=GPUS,
        mem_mb=growing(8000),
        runtime=240,
    params:
        **uses("compare_activations", modules_of([*NATURAL_MEASURES, *LAYER_MEASURES])),
        measures=measure_facts(NATURAL_MEASURES),
        layer_measures=measure_facts(LAYER_MEASURES),
        settings=measure_settings([*NATURAL_MEASURES, *LAYER_MEASURES]),
        permuted=PERMUTED_MEASURES,
        permutations=config["similarity"]["permutations"] if PERMUTED_MEASURES else 0,
    script:
        "../scripts/compare_activations.py"


rule compare_inverted:
    input:
        natural="<results>/images/natural.zarr",
        training=lambda wildcards: training_seeds(wildcards.inversion),
        inverted=lambda wildcards: inverted_images(wildcards.inversion, group(wildcards.tile, 0)),
        inverters=group_weights(0),
        tested=group_weights(1),
        lacking=lacking("similarity/inverted/{inversion}/{tile}.zarr"),
    output:
        directory("<results>/similarity/inverted/{inversion}/{tile}.zarr"),
    log:
        "<logs>/compare_inverted/{inversion}/{tile}.log",
    benchmark:
        "<benchmarks>/compare_inverted/{inversion}/{tile}.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=GPUS,
        mem_mb=growing(8000),
        runtime=240,
    params:
        **uses("compare_inverted", modules_of(INVERTED_MEASURES)),
        measures=measure_facts(INVERTED_MEASURES),
        settings=measure_settings(INVERTED_MEASURES),
        largest_residual=lambda wildcards: largest_residual(wildcards.inversion),
    script:
        "../scripts/compare_inverted.py"


rule compare_gradients:
    input:
        natural="<results>/images/natural.zarr",
        first=group_weights(0),
        second=group_weights(1),
        lacking=lacking("similarity/gradients/natural/{tile}.zarr"),
    output:
        directory("<results>/similarity/gradients/natural/{tile}.zarr"),
    log:
        "<logs>/compare_gradients/{tile}.log",
    benchmark:
        "<benchmarks>/compare_gradients/{tile}.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=GPUS,
        mem_mb=growing(8000),
        runtime=240,
    params:
        **uses("compare_gradients"),
        settings=canonical(config["gradients"]),
    script:
        "../scripts/compare_gradients.py"


rule stitch_models:
    input:
        training="<results>/images/training.zarr",
        natural="<results>/images/natural.zarr",
        bodies=group_weights(0),
        heads=group_weights(1),
        lacking=lacking("similarity/stitching/natural/{tile}.zarr"),
    output:
        directory("<results>/similarity/stitching/natural/{tile}.zarr"),
    log:
        "<logs>/stitch_models/{tile}.log",
    benchmark:
        "<benchmarks>/stitch_models/{tile}.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=GPUS,
        mem_mb=growing(8000),
        runtime=240,
    params:
        **uses("stitch_models"),
        settings=canonical(config["stitching"]),
    script:
        "../scripts/stitch_models.py"
