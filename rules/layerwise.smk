# Layers compared with layers (Cianfarani et al. 2022). Models and attacks that nothing else needs are made only here.

from kindred.attacks.catalogue import budget
from kindred.config.layer_plan import LayerPlan

LAYERS = LayerPlan(config)
LAYER_REFERENCE = str(REFERENCE / "cianfarani2022_repository_figure.csv")
LAYER_TABLE = "<results>/tables/cianfarani/{}.csv"


localrules:
    collect_layerwise_models,
    collect_panels,
    collect_benign,
    collect_epochs,
    collect_series,
    collect_alignments,


use rule train_model as train_snapshots with:
    output:
        weights="<results>/models/{model}.safetensors",
        description="<results>/models/{model}.json",
        snapshots=directory("<results>/snapshots/{model}"),
    log:
        "<logs>/train_snapshots/{model}.log",
    benchmark:
        "<benchmarks>/train_snapshots/{model}.tsv"
    wildcard_constraints:
        model=one_of([name for name in TRAINED if name in WITH_SNAPSHOTS]),
    params:
        **uses("train_model", training_module),
        entry=lambda wildcards: model_settings(wildcards.model),
        images=input_settings(),
        kept=sorted(LAYERS.kept["at"]),


rule evaluate_snapshots:
    input:
        training="<results>/images/training.zarr",
        natural="<results>/images/natural.zarr",
        model=lambda wildcards: weights([wildcards.model]),
        snapshots="<results>/snapshots/{model}",
    output:
        "<results>/snapshots/{model}.csv",
    log:
        "<logs>/evaluate_snapshots/{model}.log",
    benchmark:
        "<benchmarks>/evaluate_snapshots/{model}.tsv"
    wildcard_constraints:
        model=one_of(LAYERS.kept["models"]),
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=GPUS,
        mem_mb=growing(4000),
        runtime=120,
    params:
        **uses("evaluate_snapshots", lambda wildcards: attack_modules(LAYERS.kept["attack"])),
        settings=snapshot_settings(),
        attack=LAYERS.kept["attack"],
        epochs=lambda wildcards: epochs_of(wildcards.model),
    script:
        "../scripts/evaluate_snapshots.py"


rule compare_layers:
    input:
        images=lambda wildcards: map(stimuli_images, LAYERS.stimuli(wildcards.comparison)),
        models=lambda wildcards: weights(LAYERS.whole_models(wildcards.comparison)),
        snapshots=lambda wildcards: [f"<results>/snapshots/{model}" for model in LAYERS.snapshots(wildcards.comparison)],
    output:
        directory("<results>/similarity/layers/{comparison}.zarr"),
    log:
        "<logs>/compare_layers/{comparison}.log",
    benchmark:
        "<benchmarks>/compare_layers/{comparison}.tsv"
    wildcard_constraints:
        comparison=one_of(LAYERS.comparisons),
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=GPUS,
        mem_mb=growing(3000 + round(3 * 1024 * config["memory"])),
        runtime=240,
    params:
        **uses("compare_layers"),
        settings=layer_settings(),
        observations=lambda wildcards: LAYERS.observations(wildcards.comparison),
        measures=lambda wildcards: LAYERS.measures(wildcards.comparison),
    script:
        "../scripts/compare_layers.py"


rule align_layers:
    input:
        images="<results>/images/natural.zarr",
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
    resources:
        gpu=GPUS,
        mem_mb=growing(8000),
        runtime=240,
    params:
        **uses("align_layers"),
        settings=layer_settings(),
        directions=LAYERS.settings["directions"],
    script:
        "../scripts/align_layers.py"


rule collect_layerwise_models:
    input:
        models=weights(LAYERS.models()),
        adversarial=[stimuli_images(f"{attack}@{model}") for attack, model in LAYERS.attacked()],
    output:
        models=LAYER_TABLE.format("models"),
        accuracy=LAYER_TABLE.format("accuracy"),
    log:
        "<logs>/collect_layerwise_models.log",
    conda:
        "../envs/figures.yaml"
    params:
        **uses("collect_layerwise_models"),
        labels={model: LABELS[model] for model in LAYERS.models()},
        order=LAYERS.models(),
    script:
        "../scripts/collect_layerwise_models.py"


rule collect_panels:
    input:
        comparisons=comparison_stores(LAYERS.panels),
        published=[ancient(LAYER_REFERENCE)] if LAYERS.settings["published"] else [],
    output:
        panels=LAYER_TABLE.format("panels"),
        structure=LAYER_TABLE.format("structure"),
        distance=LAYER_TABLE.format("distance"),
        principal=LAYER_TABLE.format("principal"),
        estimators=LAYER_TABLE.format("estimators"),
    log:
        "<logs>/collect_panels.log",
    conda:
        "../envs/figures.yaml"
    params:
        **uses("collect_panels"),
        panels=canonical(LAYERS.settings["panels"]),
        measure=LAYERS.measure,
        estimators=LAYERS.settings["estimators"],
        published=content_of(LAYER_REFERENCE) if LAYERS.settings["published"] else [],
    script:
        "../scripts/collect_panels.py"


rule collect_benign:
    input:
        comparison_stores(LAYERS.benign),
    output:
        LAYER_TABLE.format("benign"),
    log:
        "<logs>/collect_benign.log",
    conda:
        "../envs/figures.yaml"
    params:
        **uses("collect_benign"),
        models=LAYERS.natural["models"],
        attacks={attack: list(budget(EVERY_ATTACK[attack])) for attack in LAYERS.natural["attacks"]},
        measure=LAYERS.measure,
    script:
        "../scripts/collect_benign.py"


rule collect_epochs:
    input:
        comparisons=comparison_stores(LAYERS.epochs),
        curves=[f"<results>/snapshots/{model}.csv" for model in LAYERS.kept["models"]],
    output:
        epochs=LAYER_TABLE.format("epochs"),
        curves=LAYER_TABLE.format("curves"),
    log:
        "<logs>/collect_epochs.log",
    conda:
        "../envs/figures.yaml"
    params:
        **uses("collect_epochs"),
        observations=LAYERS.trained,
        kept=sorted(LAYERS.kept["at"]),
        last={model: epochs_of(model) for model in LAYERS.kept["models"]},
        measure=LAYERS.measure,
    script:
        "../scripts/collect_epochs.py"


rule collect_series:
    input:
        comparison_stores(LAYERS.series),
    output:
        series=LAYER_TABLE.format("series"),
        cells=LAYER_TABLE.format("series_cells"),
        structure=LAYER_TABLE.format("series_structure"),
    log:
        "<logs>/collect_series.log",
    conda:
        "../envs/figures.yaml"
    params:
        **uses("collect_series"),
        series=list(LAYERS.settings["series"]),
        measure=LAYERS.measure,
    script:
        "../scripts/collect_series.py"


rule collect_alignments:
    input:
        [f"<results>/similarity/alignments/{a}/{b}.csv" for a, b in LAYERS.settings["alignments"]],
    output:
        LAYER_TABLE.format("alignments"),
    log:
        "<logs>/collect_alignments.log",
    conda:
        "../envs/figures.yaml"
    params:
        **uses("collect_alignments"),
        pairs=LAYERS.settings["alignments"],
    script:
        "../scripts/collect_alignments.py"
