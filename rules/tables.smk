# What a reader outside the project can rely on: tidy tables, from which every figure is drawn.


rule tables:
    """Target: all tables as CSV."""
    input:
        "<results>/tables/models.csv",
        "<results>/tables/cka.csv",
        "<results>/tables/layers.csv",
        *(["<results>/tables/transfer.csv", "<results>/tables/sat.csv"] if ATTACKS else []),
        *(["<results>/tables/gradients.csv"] if config["gradients"] else []),
        *(["<results>/tables/stitching.csv"] if config["stitching"] else []),
        *(["<results>/tables/published.csv"] if config["published"] else []),
        *(["<results>/tables/inversions.csv", "<results>/tables/inversion_curves.csv"] if INVERSIONS else []),


rule collect_models:
    input:
        models=lambda wildcards: weights(MODELS),
        adversarial=lambda wildcards: [
            path for attack in ATTACKS for path in adversarial_images(attack, MODELS)
        ],
    output:
        "<results>/tables/models.csv",
    log:
        "<logs>/collect_models.log",
    conda:
        "../envs/figures.yaml"
    params:
        models=MODELS,
        attacks=ATTACKS,
        made=lambda wildcards: made_table("models"),
    script:
        "../scripts/collect_models.py"


rule collect_cka:
    input:
        natural=lambda wildcards: tile_stores(ACTIVATIONS, ["natural"], UNORDERED_TILES),
        inverted=lambda wildcards: tile_stores(INVERTED, INVERSIONS, ORDERED_TILES),
    output:
        "<results>/tables/cka.csv",
    log:
        "<logs>/collect_cka.log",
    conda:
        "../envs/figures.yaml"
    params:
        models=MODELS,
        inversions=INVERSIONS,
        made=lambda wildcards: made_table("cka"),
    script:
        "../scripts/collect_cka.py"


rule collect_layers:
    input:
        lambda wildcards: tile_stores(ACTIVATIONS, ["natural"], UNORDERED_TILES),
    output:
        "<results>/tables/layers.csv",
    log:
        "<logs>/collect_layers.log",
    conda:
        "../envs/figures.yaml"
    params:
        models=MODELS,
        pairs=LAYER_PAIRS,
        measures=layer_measures(),
        made=lambda wildcards: made_table("layers"),
    script:
        "../scripts/collect_layers.py"


rule collect_transfer:
    input:
        lambda wildcards: tile_stores(TRANSFER, ATTACKS, ORDERED_TILES),
    output:
        transfer="<results>/tables/transfer.csv",
        sat="<results>/tables/sat.csv",
    log:
        "<logs>/collect_transfer.log",
    conda:
        "../envs/figures.yaml"
    params:
        models=MODELS,
        attacks=ATTACKS,
        floor=config["transfer"]["floor"],
        made=lambda wildcards: made_table("transfer"),
    script:
        "../scripts/collect_transfer.py"


rule collect_inversions:
    input:
        lambda wildcards: [path for inversion in INVERSIONS for path in inverted_images(inversion, MODELS)],
    output:
        inversions="<results>/tables/inversions.csv",
        curves="<results>/tables/inversion_curves.csv",
    log:
        "<logs>/collect_inversions.log",
    conda:
        "../envs/figures.yaml"
    params:
        models=MODELS,
        limits={inversion: residual_limits(inversion) for inversion in INVERSIONS},
        made=lambda wildcards: made_table("inversions"),
    script:
        "../scripts/collect_inversions.py"


rule collect_gradients:
    input:
        lambda wildcards: tile_stores(GRADIENTS, ["natural"], UNORDERED_TILES),
    output:
        "<results>/tables/gradients.csv",
    log:
        "<logs>/collect_gradients.log",
    conda:
        "../envs/figures.yaml"
    params:
        models=MODELS,
        made=lambda wildcards: made_table("gradients"),
    script:
        "../scripts/collect_gradients.py"


rule collect_stitching:
    input:
        lambda wildcards: tile_stores(STITCHING, ["natural"], ORDERED_TILES),
    output:
        "<results>/tables/stitching.csv",
    log:
        "<logs>/collect_stitching.log",
    conda:
        "../envs/figures.yaml"
    params:
        models=MODELS,
        made=lambda wildcards: made_table("stitching"),
    script:
        "../scripts/collect_stitching.py"


rule collect_published:
    input:
        unpack(lambda wildcards: {name: table(name) for name in COMPARED_TABLES}),
        references=[ancient(str(path)) for path in PUBLISHED.values()],
    output:
        cells="<results>/tables/published.csv",
        summary="<results>/tables/published_summary.csv",
    log:
        "<logs>/collect_published.log",
    conda:
        "../envs/figures.yaml"
    params:
        options=PUBLISHED_OPTIONS,
        names=list(PUBLISHED),
        made=lambda wildcards: made_table("published"),
    script:
        "../scripts/collect_published.py"


rule collect_gallery:
    input:
        natural=lambda wildcards: natural_images(),
        inverted=lambda wildcards: inverted_images(GALLERY["inversion"], GALLERY["models"]),
    output:
        directory("<results>/tables/gallery.zarr"),
    log:
        "<logs>/collect_gallery.log",
    conda:
        "../envs/figures.yaml"
    params:
        models=GALLERY["models"],
        examples=GALLERY["examples"],
        made=lambda wildcards: made_table("gallery"),
    script:
        "../scripts/collect_gallery.py"
