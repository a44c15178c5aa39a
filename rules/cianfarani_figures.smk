# Figures of layers compared with layers (Cianfarani et al. 2022); each is drawn from tables alone.


rule draw_block_structure:
    input:
        panels=lambda wildcards: layered_table("collect_panels", "panels"),
        models=lambda wildcards: layered_table("collect_described", "models"),
    output:
        png="<results>/figures/cianfarani/block_structure.png",
        pdf="<results>/figures/cianfarani/block_structure.pdf",
    log:
        "<logs>/draw_block_structure.log",
    conda:
        "../envs/figures.yaml"
    params:
        measure=LAYER_MEASURE,
        made=lambda wildcards: made_layered_figure(
            "draw_block_structure", "collect_panels", "collect_described"
        ),
    script:
        "../scripts/draw_block_structure.py"


rule draw_block_distance:
    input:
        distance=lambda wildcards: layered_table("collect_panels", "distance"),
        structure=lambda wildcards: layered_table("collect_panels", "structure"),
    output:
        png="<results>/figures/cianfarani/block_distance.png",
        pdf="<results>/figures/cianfarani/block_distance.pdf",
    log:
        "<logs>/draw_block_distance.log",
    conda:
        "../envs/figures.yaml"
    params:
        made=lambda wildcards: made_layered_figure("draw_block_distance", "collect_panels"),
    script:
        "../scripts/draw_block_distance.py"


rule draw_block_stimuli:
    input:
        panels=lambda wildcards: layered_table("collect_panels", "panels"),
        models=lambda wildcards: layered_table("collect_described", "models"),
    output:
        png="<results>/figures/cianfarani/block_stimuli.png",
        pdf="<results>/figures/cianfarani/block_stimuli.pdf",
    log:
        "<logs>/draw_block_stimuli.log",
    conda:
        "../envs/figures.yaml"
    params:
        measure=LAYER_MEASURE,
        made=lambda wildcards: made_layered_figure(
            "draw_block_stimuli", "collect_panels", "collect_described"
        ),
    script:
        "../scripts/draw_block_stimuli.py"


rule draw_principal:
    input:
        principal=lambda wildcards: layered_table("collect_panels", "principal"),
    output:
        png="<results>/figures/cianfarani/principal.png",
        pdf="<results>/figures/cianfarani/principal.pdf",
    log:
        "<logs>/draw_principal.log",
    conda:
        "../envs/figures.yaml"
    params:
        made=lambda wildcards: made_layered_figure("draw_principal", "collect_panels"),
    script:
        "../scripts/draw_principal.py"


rule draw_layer_estimators:
    input:
        panels=lambda wildcards: layered_table("collect_panels", "panels"),
        estimators=lambda wildcards: layered_table("collect_panels", "estimators"),
    output:
        png="<results>/figures/cianfarani/estimators.png",
        pdf="<results>/figures/cianfarani/estimators.pdf",
    log:
        "<logs>/draw_layer_estimators.log",
    conda:
        "../envs/figures.yaml"
    params:
        made=lambda wildcards: made_layered_figure("draw_layer_estimators", "collect_panels"),
    script:
        "../scripts/draw_layer_estimators.py"


rule draw_benign:
    input:
        benign=lambda wildcards: layered_table("collect_benign", "benign"),
        accuracy=lambda wildcards: layered_table("collect_described", "accuracy"),
    output:
        png="<results>/figures/cianfarani/benign.png",
        pdf="<results>/figures/cianfarani/benign.pdf",
    log:
        "<logs>/draw_benign.log",
    conda:
        "../envs/figures.yaml"
    params:
        made=lambda wildcards: made_layered_figure("draw_benign", "collect_benign", "collect_described"),
    script:
        "../scripts/draw_benign.py"


rule draw_epochs:
    input:
        epochs=lambda wildcards: layered_table("collect_epochs", "epochs"),
    output:
        png="<results>/figures/cianfarani/epochs.png",
        pdf="<results>/figures/cianfarani/epochs.pdf",
    log:
        "<logs>/draw_epochs.log",
    conda:
        "../envs/figures.yaml"
    params:
        made=lambda wildcards: made_layered_figure("draw_epochs", "collect_epochs"),
    script:
        "../scripts/draw_epochs.py"


rule draw_curves:
    input:
        epochs=lambda wildcards: layered_table("collect_epochs", "epochs"),
        curves=lambda wildcards: layered_table("collect_epochs", "curves"),
    output:
        png="<results>/figures/cianfarani/curves.png",
        pdf="<results>/figures/cianfarani/curves.pdf",
    log:
        "<logs>/draw_curves.log",
    conda:
        "../envs/figures.yaml"
    params:
        made=lambda wildcards: made_layered_figure("draw_curves", "collect_epochs"),
    script:
        "../scripts/draw_curves.py"


rule draw_alignments:
    input:
        alignments=lambda wildcards: layered_table("collect_alignments", "alignments"),
    output:
        png="<results>/figures/cianfarani/alignments.png",
        pdf="<results>/figures/cianfarani/alignments.pdf",
    log:
        "<logs>/draw_alignments.log",
    conda:
        "../envs/figures.yaml"
    params:
        made=lambda wildcards: made_layered_figure("draw_alignments", "collect_alignments"),
    script:
        "../scripts/draw_alignments.py"


rule draw_series:
    input:
        series=lambda wildcards: layered_table("collect_series", "series"),
        accuracy=lambda wildcards: layered_table("collect_described", "accuracy"),
        models=lambda wildcards: layered_table("collect_described", "models"),
    output:
        png="<results>/figures/cianfarani/series_{series}.png",
        pdf="<results>/figures/cianfarani/series_{series}.pdf",
    log:
        "<logs>/draw_series/{series}.log",
    wildcard_constraints:
        series=one_of(LAYERED["series"]),
    conda:
        "../envs/figures.yaml"
    params:
        made=lambda wildcards: made_layered_figure("draw_series", "collect_series", "collect_described"),
    script:
        "../scripts/draw_series.py"


rule draw_blocks:
    input:
        cells=lambda wildcards: layered_table("collect_series", "series_cells"),
        structure=lambda wildcards: layered_table("collect_series", "series_structure"),
    output:
        png="<results>/figures/cianfarani/blocks_{series}.png",
        pdf="<results>/figures/cianfarani/blocks_{series}.pdf",
    log:
        "<logs>/draw_blocks/{series}.log",
    wildcard_constraints:
        series=one_of(LAYERED["series"]),
    conda:
        "../envs/figures.yaml"
    params:
        measure=LAYER_MEASURE,
        made=lambda wildcards: made_layered_figure("draw_blocks", "collect_series"),
    script:
        "../scripts/draw_blocks.py"
