# Every figure is drawn from tables, so a laptop without checkpoints or a GPU redraws them all.


rule figures:
    """Target: all figures as PNG and PDF."""
    input:
        drawn("accuracies"),
        drawn("similarity") if "similarity" in FIGURES else [],
        drawn("similarity_by_budget") if FIGURES.get("similarity", {}).get("inversion") else [],
        drawn("layers") if "layers" in FIGURES else [],
        drawn("transfer") if "transfer" in FIGURES else [],
        drawn("gallery") if "gallery" in FIGURES else [],


rule draw_accuracies:
    input:
        models=lambda wildcards: table("models"),
    output:
        png="<results>/figures/accuracies.png",
        pdf="<results>/figures/accuracies.pdf",
    log:
        "<logs>/draw_accuracies.log",
    conda:
        "../envs/figures.yaml"
    params:
        made=lambda wildcards: made_figure("draw_accuracies", ["models"], []),
    script:
        "../scripts/draw_accuracies.py"


rule draw_similarity:
    input:
        models=lambda wildcards: table("models"),
        cka=lambda wildcards: table("cka"),
    output:
        png="<results>/figures/similarity.png",
        pdf="<results>/figures/similarity.pdf",
    log:
        "<logs>/draw_similarity.log",
    conda:
        "../envs/figures.yaml"
    params:
        options=FIGURES.get("similarity", {}),
        made=lambda wildcards: made_figure("draw_similarity", ["models", "cka"], FIGURES.get("similarity")),
    script:
        "../scripts/draw_similarity.py"


rule draw_similarity_by_budget:
    input:
        models=lambda wildcards: table("models"),
        cka=lambda wildcards: table("cka"),
    output:
        png="<results>/figures/similarity_by_budget.png",
        pdf="<results>/figures/similarity_by_budget.pdf",
    log:
        "<logs>/draw_similarity_by_budget.log",
    conda:
        "../envs/figures.yaml"
    params:
        options=FIGURES.get("similarity", {}),
        made=lambda wildcards: made_figure(
            "draw_similarity_by_budget", ["models", "cka"], FIGURES.get("similarity")
        ),
    script:
        "../scripts/draw_similarity_by_budget.py"


rule draw_layers:
    input:
        models=lambda wildcards: table("models"),
        layers=lambda wildcards: table("layers"),
    output:
        png="<results>/figures/layers.png",
        pdf="<results>/figures/layers.pdf",
    log:
        "<logs>/draw_layers.log",
    conda:
        "../envs/figures.yaml"
    params:
        options=FIGURES.get("layers", {}),
        made=lambda wildcards: made_figure("draw_layers", ["models", "layers"], FIGURES.get("layers")),
    script:
        "../scripts/draw_layers.py"


rule draw_transfer:
    input:
        models=lambda wildcards: table("models"),
        transfer=lambda wildcards: table("transfer"),
        sat=lambda wildcards: table("sat"),
    output:
        png="<results>/figures/transfer.png",
        pdf="<results>/figures/transfer.pdf",
    log:
        "<logs>/draw_transfer.log",
    conda:
        "../envs/figures.yaml"
    params:
        options=FIGURES.get("transfer", {}),
        made=lambda wildcards: made_figure("draw_transfer", ["models", "transfer"], FIGURES.get("transfer")),
    script:
        "../scripts/draw_transfer.py"


rule draw_gallery:
    input:
        models=lambda wildcards: table("models"),
        gallery=lambda wildcards: table("gallery"),
    output:
        png="<results>/figures/gallery.png",
        pdf="<results>/figures/gallery.pdf",
    log:
        "<logs>/draw_gallery.log",
    conda:
        "../envs/figures.yaml"
    params:
        inversion=GALLERY["inversion"],
        made=lambda wildcards: made_figure("draw_gallery", ["models", "gallery"], []),
    script:
        "../scripts/draw_gallery.py"
