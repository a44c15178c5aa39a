# Figures of SAT and of what it is good for (Hwang et al. 2024); each is drawn from tables alone.


rule draw_clusters:
    input:
        sat=lambda wildcards: sat_table(),
        clusters=lambda wildcards: analysis("cluster_models", "clusters"),
        labels=lambda wildcards: analysis("cluster_models", "labels"),
    output:
        png="<results>/figures/clusters.png",
        pdf="<results>/figures/clusters.pdf",
    log:
        "<logs>/draw_clusters.log",
    conda:
        "../envs/figures.yaml"
    params:
        attack=SAT_ATTACK,
        made=lambda wildcards: made_drawing("draw_clusters", "cluster_models"),
    script:
        "../scripts/draw_clusters.py"


rule draw_spectrum:
    input:
        clusters=lambda wildcards: analysis("cluster_models", "clusters"),
        eigenvalues=lambda wildcards: analysis("cluster_models", "eigenvalues"),
        stability=lambda wildcards: analysis("cluster_models", "stability"),
    output:
        png="<results>/figures/spectrum.png",
        pdf="<results>/figures/spectrum.pdf",
    log:
        "<logs>/draw_spectrum.log",
    conda:
        "../envs/figures.yaml"
    params:
        made=lambda wildcards: made_drawing("draw_spectrum", "cluster_models"),
    script:
        "../scripts/draw_spectrum.py"


rule draw_map:
    input:
        clusters=lambda wildcards: analysis("cluster_models", "clusters"),
        map=lambda wildcards: analysis("cluster_models", "map"),
    output:
        png="<results>/figures/map.png",
        pdf="<results>/figures/map.pdf",
    log:
        "<logs>/draw_map.log",
    conda:
        "../envs/figures.yaml"
    params:
        made=lambda wildcards: made_drawing("draw_map", "cluster_models"),
    script:
        "../scripts/draw_map.py"


rule draw_components:
    input:
        importance=lambda wildcards: analysis("explain_sat", "importance"),
        regression=lambda wildcards: analysis("explain_sat", "regression"),
    output:
        png="<results>/figures/components.png",
        pdf="<results>/figures/components.pdf",
    log:
        "<logs>/draw_components.log",
    conda:
        "../envs/figures.yaml"
    params:
        made=lambda wildcards: made_drawing("draw_components", "explain_sat"),
    script:
        "../scripts/draw_components.py"


rule draw_ensembles:
    input:
        ensembles=lambda wildcards: analysis("evaluate_ensembles", "ensembles"),
        gains=lambda wildcards: analysis("evaluate_ensembles", "ensemble_gains"),
        choice=lambda wildcards: analysis("evaluate_ensembles", "ensemble_choice"),
    output:
        png="<results>/figures/ensembles.png",
        pdf="<results>/figures/ensembles.pdf",
    log:
        "<logs>/draw_ensembles.log",
    conda:
        "../envs/figures.yaml"
    params:
        made=lambda wildcards: made_drawing("draw_ensembles", "evaluate_ensembles"),
    script:
        "../scripts/draw_ensembles.py"


rule draw_measures:
    input:
        pairs=lambda wildcards: analysis("compare_measures", "pairs"),
        mantel=lambda wildcards: analysis("compare_measures", "mantel"),
    output:
        png="<results>/figures/measures.png",
        pdf="<results>/figures/measures.pdf",
    log:
        "<logs>/draw_measures.log",
    conda:
        "../envs/figures.yaml"
    params:
        measures=SHOWN_MEASURES,
        made=lambda wildcards: made_drawing("draw_measures", "compare_measures", SHOWN_MEASURES),
    script:
        "../scripts/draw_measures.py"


rule draw_attacks:
    input:
        pairs=lambda wildcards: analysis("compare_measures", "pairs"),
        mantel=lambda wildcards: analysis("compare_measures", "mantel"),
    output:
        png="<results>/figures/attacks.png",
        pdf="<results>/figures/attacks.pdf",
    log:
        "<logs>/draw_attacks.log",
    conda:
        "../envs/figures.yaml"
    params:
        measures=[f"sat_{attack}" for attack in ATTACKS],
        made=lambda wildcards: made_drawing("draw_attacks", "compare_measures"),
    script:
        "../scripts/draw_attacks.py"


rule draw_variation:
    input:
        variation=lambda wildcards: analysis("collect_variation", "variation"),
    output:
        png="<results>/figures/variation.png",
        pdf="<results>/figures/variation.pdf",
    log:
        "<logs>/draw_variation.log",
    conda:
        "../envs/figures.yaml"
    params:
        made=lambda wildcards: made_drawing("draw_variation", "collect_variation"),
    script:
        "../scripts/draw_variation.py"


rule draw_quality:
    input:
        quality=lambda wildcards: analysis("collect_quality", "quality"),
    output:
        png="<results>/figures/quality.png",
        pdf="<results>/figures/quality.pdf",
    log:
        "<logs>/draw_quality.log",
    conda:
        "../envs/figures.yaml"
    params:
        made=lambda wildcards: made_drawing("draw_quality", "collect_quality"),
    script:
        "../scripts/draw_quality.py"


rule draw_distillation:
    input:
        distillation=lambda wildcards: analysis("collect_distillation", "distillation"),
    output:
        png="<results>/figures/distillation.png",
        pdf="<results>/figures/distillation.pdf",
    log:
        "<logs>/draw_distillation.log",
    conda:
        "../envs/figures.yaml"
    params:
        made=lambda wildcards: made_drawing("draw_distillation", "collect_distillation"),
    script:
        "../scripts/draw_distillation.py"
