# How alike are two models' activations? One job compares a group of models with another, all layers at once.


rule similarity:
    input:
        expand(
            "<results>/similarity/activations/natural/{tile}.zarr",
            tile=UNORDERED_TILES,
        ),
        expand(
            "<results>/similarity/inverted/{inversion}/{tile}.zarr",
            inversion=INVERSIONS,
            tile=ORDERED_TILES,
        ),
    """Target: all comparisons of activations, on natural and on inverted images."""
    localrule: True


rule compare_activations:
    input:
        lambda wildcards: each(
            f"<results>/activations/{{}}/{wildcards.stimuli}.zarr",
            tile_models(wildcards),
        ),
    output:
        directory(ACTIVATIONS_TILE),
    log:
        "<logs>/compare_activations/{stimuli}/{a}x{b}.log",
    benchmark:
        "<benchmarks>/compare_activations/{stimuli}/{a}x{b}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=8000,
        runtime=240,
    params:
        first=lambda wildcards: GROUPS[int(wildcards.a)],
        second=lambda wildcards: GROUPS[int(wildcards.b)],
        settings=comparison_settings(),
        layer_measures=config["similarity"]["layer_measures"],
        members=members_activations,
    script:
        "../scripts/compare_activations.py"


rule compare_inverted:
    input:
        inverted=lambda wildcards: each(
            f"<results>/images/inverted/{wildcards.inversion}/{{}}.zarr",
            GROUPS[int(wildcards.a)],
        ),
        models=lambda wildcards: weights(tile_models(wildcards)),
    output:
        directory(INVERTED_TILE),
    log:
        "<logs>/compare_inverted/{inversion}/{a}x{b}.log",
    benchmark:
        "<benchmarks>/compare_inverted/{inversion}/{a}x{b}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=8000,
        runtime=240,
    params:
        inverters=lambda wildcards: GROUPS[int(wildcards.a)],
        tested=lambda wildcards: GROUPS[int(wildcards.b)],
        settings=comparison_settings(),
        members=members_inverted,
    script:
        "../scripts/compare_inverted.py"
