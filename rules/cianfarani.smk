# Layers compared with layers (Cianfarani et al. 2022). Models and attacks that nothing else needs are made only here.


rule cianfarani2022:
    """Target: layers of models compared, benign and adversarial, over training, by threat and design (Cianfarani 2022)."""
    input:
        layered_drawn("block_structure") if NATURAL_PANELS else [],
        layered_drawn("block_distance") if NATURAL_PANELS else [],
        layered_drawn("block_stimuli") if OTHER_PANELS else [],
        layered_drawn("principal") if LAYERED["panels"] else [],
        layered_drawn("estimators") if NATURAL_PANELS and LAYERED["estimators"] else [],
        layered_drawn("benign") if BENIGN["models"] else [],
        layered_drawn("epochs") if EPOCHS["models"] else [],
        layered_drawn("curves") if EPOCHS["models"] else [],
        layered_drawn("alignments") if LAYERED["alignments"] else [],
        [layered_drawn(f"series_{name}") for name in LAYERED["series"]],
        [layered_drawn(f"blocks_{name}") for name in LAYERED["series"]],


rule train_snapshots:
    input:
        training=lambda wildcards: training_images(),
        natural=lambda wildcards: natural_images(),
    output:
        weights="<results>/models/{model}.safetensors",
        description="<results>/models/{model}.json",
        snapshots=directory("<results>/snapshots/{model}"),
    log:
        "<logs>/train_snapshots/{model}.log",
    benchmark:
        "<benchmarks>/train_snapshots/{model}.tsv"
    wildcard_constraints:
        model=one_of([name for name in TRAINED if name not in TRAINED_PLAINLY]),
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=growing(4000),
        runtime=60,
    params:
        entry=lambda wildcards: model_settings(wildcards.model),
        images=input_settings(),
        kept=KEPT_EPOCHS,
        made=lambda wildcards: made_model(wildcards.model),
        snapshots=lambda wildcards: made_snapshots(wildcards.model),
    script:
        "../scripts/train_snapshots.py"


rule evaluate_snapshots:
    input:
        training=lambda wildcards: training_images(),
        natural=lambda wildcards: natural_images(),
        model=lambda wildcards: weights([wildcards.model]),
        snapshots=lambda wildcards: snapshots([wildcards.model])[0],
    output:
        "<results>/snapshots/{model}.csv",
    log:
        "<logs>/evaluate_snapshots/{model}.log",
    benchmark:
        "<benchmarks>/evaluate_snapshots/{model}.tsv"
    wildcard_constraints:
        model=one_of(EPOCHS["models"]),
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=growing(4000),
        runtime=120,
    params:
        settings=snapshot_settings(),
        attack=EPOCHS["attack"],
        epochs=lambda wildcards: model_settings(wildcards.model)["recipe"]["epochs"],
        made=lambda wildcards: made_curves(wildcards.model),
    script:
        "../scripts/evaluate_snapshots.py"


rule compare_layers:
    input:
        images=lambda wildcards: look_images(wildcards.look),
        models=lambda wildcards: look_weights(wildcards.look),
        snapshots=lambda wildcards: look_snapshots(wildcards.look),
    output:
        directory("<results>/similarity/layers/{look}.zarr"),
    log:
        "<logs>/compare_layers/{look}.log",
    benchmark:
        "<benchmarks>/compare_layers/{look}.tsv"
    wildcard_constraints:
        look=one_of(LOOKS),
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=growing(3000 + round(3 * 1024 * LAYERED["memory"])),
        runtime=240,
    params:
        settings=look_settings(),
        observations=lambda wildcards: observations(wildcards.look),
        measures=lambda wildcards: look_measures(wildcards.look),
        made=lambda wildcards: made_look(wildcards.look),
    script:
        "../scripts/compare_layers.py"


rule align_layers:
    input:
        images=lambda wildcards: natural_images(),
        models=lambda wildcards: weights([wildcards.model, wildcards.other]),
    output:
        "<results>/similarity/alignments/{model}/{other}.csv",
    log:
        "<logs>/align_layers/{model}/{other}.log",
    benchmark:
        "<benchmarks>/align_layers/{model}/{other}.tsv"
    wildcard_constraints:
        other=one_of(EVERY_MODEL),
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=growing(8000),
        runtime=240,
    params:
        settings=look_settings(),
        directions=LAYERED["directions"],
        made=lambda wildcards: made_alignment(wildcards.model, wildcards.other),
    script:
        "../scripts/align_layers.py"


rule collect_described:
    input:
        models=lambda wildcards: weights(described_models()),
        adversarial=lambda wildcards: attacked_images(),
    output:
        models="<results>/tables/cianfarani/models.csv",
        accuracy="<results>/tables/cianfarani/accuracy.csv",
    log:
        "<logs>/collect_described.log",
    conda:
        "../envs/figures.yaml"
    params:
        models=described_models(),
        made=lambda wildcards: made_layered("collect_described"),
    script:
        "../scripts/collect_described.py"


rule collect_panels:
    input:
        looks=lambda wildcards: look_stores(PANEL_LOOKS),
        published=[ancient(str(LAYER_REFERENCE))] if LAYERED["published"] else [],
    output:
        panels="<results>/tables/cianfarani/panels.csv",
        structure="<results>/tables/cianfarani/structure.csv",
        distance="<results>/tables/cianfarani/distance.csv",
        principal="<results>/tables/cianfarani/principal.csv",
        estimators="<results>/tables/cianfarani/estimators.csv",
    log:
        "<logs>/collect_panels.log",
    conda:
        "../envs/figures.yaml"
    params:
        panels=canonical(LAYERED["panels"]),
        measure=LAYER_MEASURE,
        estimators=LAYERED["estimators"],
        made=lambda wildcards: made_layered("collect_panels"),
    script:
        "../scripts/collect_panels.py"


rule collect_benign:
    input:
        looks=lambda wildcards: look_stores(BENIGN_LOOKS),
    output:
        "<results>/tables/cianfarani/benign.csv",
    log:
        "<logs>/collect_benign.log",
    conda:
        "../envs/figures.yaml"
    params:
        models=BENIGN["models"],
        attacks=benign_norms(),
        measure=LAYER_MEASURE,
        made=lambda wildcards: made_layered("collect_benign"),
    script:
        "../scripts/collect_benign.py"


rule collect_epochs:
    input:
        looks=lambda wildcards: look_stores(EPOCH_LOOKS),
        curves=lambda wildcards: curve_tables(),
    output:
        epochs="<results>/tables/cianfarani/epochs.csv",
        curves="<results>/tables/cianfarani/curves.csv",
    log:
        "<logs>/collect_epochs.log",
    conda:
        "../envs/figures.yaml"
    params:
        observations=EPOCH_OBSERVATIONS,
        kept=KEPT_EPOCHS,
        last=last_epochs(),
        measure=LAYER_MEASURE,
        made=lambda wildcards: made_layered("collect_epochs"),
    script:
        "../scripts/collect_epochs.py"


rule collect_series:
    input:
        looks=lambda wildcards: look_stores(SERIES_LOOKS),
    output:
        series="<results>/tables/cianfarani/series.csv",
        cells="<results>/tables/cianfarani/series_cells.csv",
        structure="<results>/tables/cianfarani/series_structure.csv",
    log:
        "<logs>/collect_series.log",
    conda:
        "../envs/figures.yaml"
    params:
        series=list(LAYERED["series"]),
        measure=LAYER_MEASURE,
        made=lambda wildcards: made_layered("collect_series"),
    script:
        "../scripts/collect_series.py"


rule collect_alignments:
    input:
        lambda wildcards: alignment_tables(),
    output:
        "<results>/tables/cianfarani/alignments.csv",
    log:
        "<logs>/collect_alignments.log",
    conda:
        "../envs/figures.yaml"
    params:
        made=lambda wildcards: made_layered("collect_alignments"),
    script:
        "../scripts/collect_alignments.py"
