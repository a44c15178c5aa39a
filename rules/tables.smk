# What a reader outside the project can rely on: tidy tables, from which every figure is drawn.


rule tables:
    input:
        "<results>/tables/models.csv",
        "<results>/tables/cka.csv",
        "<results>/tables/layers.csv",
        *(
            ["<results>/tables/transfer.csv", "<results>/tables/sat.csv"]
            if ATTACKS
            else []
        ),
    """Target: all tables as CSV."""
    localrule: True


rule collect_models:
    input:
        descriptions=each("<results>/models/{}.json", MODELS),
        adversarial=[
            ancient(f"<results>/images/adversarial/{attack}/{model}.zarr")
            for attack in ATTACKS
            for model in MODELS
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
        made=made_models_table(),
    script:
        "../scripts/collect_models.py"


rule collect_cka:
    input:
        natural=each(
            "<results>/similarity/activations/natural/{}.zarr", UNORDERED_TILES
        ),
        inverted=[
            ancient(f"<results>/similarity/inverted/{inversion}/{tile}.zarr")
            for inversion in INVERSIONS
            for tile in ORDERED_TILES
        ],
    output:
        "<results>/tables/cka.csv",
    log:
        "<logs>/collect_cka.log",
    conda:
        "../envs/figures.yaml"
    params:
        models=MODELS,
        inversions=INVERSIONS,
        made=made_cka_table(),
    script:
        "../scripts/collect_cka.py"


rule collect_layers:
    input:
        each("<results>/similarity/activations/natural/{}.zarr", UNORDERED_TILES),
    output:
        "<results>/tables/layers.csv",
    log:
        "<logs>/collect_layers.log",
    conda:
        "../envs/figures.yaml"
    params:
        models=MODELS,
        pairs=LAYER_PAIRS,
        measures=config["similarity"]["layer_measures"],
        made=made_layers_table(),
    script:
        "../scripts/collect_layers.py"


rule collect_transfer:
    input:
        [
            ancient(f"<results>/transfer/{attack}/{tile}.zarr")
            for attack in ATTACKS
            for tile in ORDERED_TILES
        ],
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
        made=made_transfer_tables(),
    script:
        "../scripts/collect_transfer.py"


rule collect_gallery:
    input:
        natural=ancient("<results>/images/natural.zarr"),
        inverted=each(
            f"<results>/images/inverted/{GALLERY['inversion']}/{{}}.zarr",
            GALLERY["models"],
        ),
    output:
        directory("<results>/tables/gallery.zarr"),
    log:
        "<logs>/collect_gallery.log",
    conda:
        "../envs/figures.yaml"
    params:
        models=GALLERY["models"],
        examples=GALLERY["examples"],
        made=made_gallery(),
    script:
        "../scripts/collect_gallery.py"
