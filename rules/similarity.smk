# How alike are two models' activations? One job compares a group of models with another, all layers at once.


rule similarity:
    """Target: all comparisons of activations, on natural and on inverted images."""
    input:
        expand("<results>/similarity/activations/natural/{tile}.zarr", tile=UNORDERED_TILES),
        expand(
            "<results>/similarity/inverted/{inversion}/{tile}.zarr", inversion=INVERSIONS, tile=ORDERED_TILES
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
        mem_mb=8000,
        runtime=240,
    params:
        settings=comparison_settings(),
        layer_measures=layer_measures(),
        members=lambda wildcards: members(ACTIVATIONS, wildcards.stimuli, wildcards.tile),
    script:
        "../scripts/compare_activations.py"


rule compare_inverted:
    input:
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
        mem_mb=8000,
        runtime=240,
    params:
        settings=comparison_settings(),
        members=lambda wildcards: members(INVERTED, wildcards.inversion, wildcards.tile),
    script:
        "../scripts/compare_inverted.py"
