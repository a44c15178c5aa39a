# Every figure is drawn from tables, so a laptop without checkpoints or a GPU redraws them all.


rule figures:
    """Target: all figures as PNG and PDF."""
    input:
        drawn("accuracies"),
        drawn("similarity") if "similarity" in FIGURES else [],
        drawn("layers") if "layers" in FIGURES else [],
        drawn("transfer") if "transfer" in FIGURES else [],
        [path for name in JONES_FIGURES for path in drawn(name)],


rule jones2022:
    """Target: Jones et al. 2022, every figure and table of it that the study has what for."""
    input:
        [path for name in JONES_FIGURES for path in drawn(name)],
        rules.tables.input,


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


rule draw_residuals:
    input:
        models=lambda wildcards: table("models"),
        inversions=lambda wildcards: table("inversions"),
        curves=lambda wildcards: table("inversion_curves"),
    output:
        png="<results>/figures/residuals_{inversion}.png",
        pdf="<results>/figures/residuals_{inversion}.pdf",
    log:
        "<logs>/draw_residuals/{inversion}.log",
    conda:
        "../envs/figures.yaml"
    params:
        made=lambda wildcards: made_figure("draw_residuals", ["models", "inversions"], []),
    script:
        "../scripts/draw_residuals.py"


rule draw_similarity_by_architecture:
    input:
        models=lambda wildcards: table("models"),
        cka=lambda wildcards: table("cka"),
    output:
        png="<results>/figures/similarity_by_architecture.png",
        pdf="<results>/figures/similarity_by_architecture.pdf",
    log:
        "<logs>/draw_similarity_by_architecture.log",
    conda:
        "../envs/figures.yaml"
    params:
        options=FIGURES.get("similarity", {}),
        made=lambda wildcards: made_figure(
            "draw_similarity_by_architecture", ["models", "cka"], FIGURES.get("similarity")
        ),
    script:
        "../scripts/draw_similarity_by_architecture.py"


rule draw_similarity_by_architecture_and_budget:
    input:
        models=lambda wildcards: table("models"),
        cka=lambda wildcards: table("cka"),
    output:
        png="<results>/figures/similarity_by_architecture_and_budget.png",
        pdf="<results>/figures/similarity_by_architecture_and_budget.pdf",
    log:
        "<logs>/draw_similarity_by_architecture_and_budget.log",
    conda:
        "../envs/figures.yaml"
    params:
        options=FIGURES.get("similarity", {}),
        made=lambda wildcards: made_figure(
            "draw_similarity_by_architecture_and_budget", ["models", "cka"], FIGURES.get("similarity")
        ),
    script:
        "../scripts/draw_similarity_by_architecture_and_budget.py"


rule draw_estimators:
    input:
        models=lambda wildcards: table("models"),
        cka=lambda wildcards: table("cka"),
    output:
        png="<results>/figures/estimators.png",
        pdf="<results>/figures/estimators.pdf",
    log:
        "<logs>/draw_estimators.log",
    conda:
        "../envs/figures.yaml"
    params:
        inversion=FIGURES.get("similarity", {}).get("inversion"),
        made=lambda wildcards: made_figure("draw_estimators", ["models", "cka"], FIGURES.get("similarity")),
    script:
        "../scripts/draw_estimators.py"


rule draw_gradients:
    input:
        models=lambda wildcards: table("models"),
        gradients=lambda wildcards: table("gradients"),
    output:
        png="<results>/figures/gradients.png",
        pdf="<results>/figures/gradients.pdf",
    log:
        "<logs>/draw_gradients.log",
    conda:
        "../envs/figures.yaml"
    params:
        made=lambda wildcards: made_figure("draw_gradients", ["models", "gradients"], []),
    script:
        "../scripts/draw_gradients.py"


rule draw_stitching:
    input:
        models=lambda wildcards: table("models"),
        stitching=lambda wildcards: table("stitching"),
    output:
        png="<results>/figures/stitching.png",
        pdf="<results>/figures/stitching.pdf",
    log:
        "<logs>/draw_stitching.log",
    conda:
        "../envs/figures.yaml"
    params:
        made=lambda wildcards: made_figure("draw_stitching", ["models", "stitching"], []),
    script:
        "../scripts/draw_stitching.py"


rule draw_published:
    input:
        cells=lambda wildcards: table("published"),
        summary=lambda wildcards: table("published_summary"),
    output:
        png="<results>/figures/published.png",
        pdf="<results>/figures/published.pdf",
    log:
        "<logs>/draw_published.log",
    conda:
        "../envs/figures.yaml"
    params:
        measure=config["published"]["measure"] if config["published"] else "",
        made=lambda wildcards: made_figure("draw_published", ["published"], PUBLISHED_OPTIONS),
    script:
        "../scripts/draw_published.py"
