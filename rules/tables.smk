# What a reader outside the project can rely on: tidy tables, from which every figure is drawn.

# Layers of these pairs are in layers.csv: those that the config asks for, and those that its figure shows.
LAYER_PAIRS = config["similarity"]["layer_pairs"]
if LAYER_PAIRS == "all":
    LAYER_PAIRS = [[a, b] for at, a in enumerate(MODELS) for b in MODELS[at:]]
elif isinstance(config["figures"]["layers"], dict):
    known = [sorted(pair) for pair in LAYER_PAIRS]
    LAYER_PAIRS += [pair for pair in config["figures"]["layers"]["panels"] or [] if sorted(pair) not in known]
LABELS = {model: canonical(entries.labels_of(config, model)) for model in EVERY_MODEL}
EXPECTED = {model: entry["accuracy"] for model, entry in EVERY_MODEL.items() if entry.get("accuracy")}
# The numbers of Jones et al. 2022, and the tables of ours that have such numbers.
REFERENCE = ROOT / "studies" / "reference"
ABOUT = {"fig1": "_inverted_by_eps", "fig3_fig4": "_architectures", "fig5_fig7_fig8": "", "fig6": "_digitised"}
PUBLISHED = {name: str(REFERENCE / f"jones2022_{name}{about}.csv") for name, about in ABOUT.items()}
COMPARED_TABLES = ["models", "cka", *(name for name in ("gradients", "stitching") if config[name])]
GALLERY = DRAWN["gallery"].options if "gallery" in DRAWN else {"inversion": "", "models": [], "examples": 0}


localrules:
    collect_models,
    collect_cka,
    collect_layers,
    collect_transfer,
    collect_inversions,
    collect_gradients,
    collect_stitching,
    collect_published,
    collect_gallery,


rule tables:
    """Target: all tables as CSV."""
    input:
        [table(name) for name, entry in STUDY.items() if not entry.needs(config)],


rule collect_models:
    input:
        models=weights(MODELS),
        adversarial=[stimuli_images(f"{attack}@{model}") for attack in ATTACKS for model in MODELS],
    output:
        models="<results>/tables/models.csv",
        accuracies="<results>/tables/accuracies.csv",
    log:
        "<logs>/collect_models.log",
    conda:
        "../envs/figures.yaml"
    params:
        **uses("collect_models"),
        labels={model: LABELS[model] for model in MODELS},
        order=MODELS,
        attacks=ATTACKS,
        expected={model: EXPECTED[model] for model in MODELS if model in EXPECTED},
        left_out={
            model: canonical([entry.get("architecture"), entry.get("training"), LEFT_OUT[model]])
            for model, entry in LOST.items()
        },
    script:
        "../scripts/collect_models.py"


rule collect_cka:
    input:
        natural=tile_stores("similarity/activations", ["natural"], UNORDERED_TILES),
        inverted=tile_stores("similarity/inverted", INVERSIONS, ORDERED_TILES),
        inversions=table("inversions") if INVERSIONS else [],
    output:
        "<results>/tables/cka.csv",
    log:
        "<logs>/collect_cka.log",
    conda:
        "../envs/figures.yaml"
    params:
        **uses("collect_cka"),
        models=MODELS,
        inversions=INVERSIONS,
        debiased=[name for name in NATURAL_MEASURES if measures.measure(name).debiased],
        largest={
            name: None if name not in measures.MEASURES else measures.measure(name).span[1]
            for name in INVERTED_MEASURES
        },
    script:
        "../scripts/collect_cka.py"


rule collect_layers:
    input:
        tile_stores("similarity/activations", ["natural"], UNORDERED_TILES),
    output:
        "<results>/tables/layers.csv",
    log:
        "<logs>/collect_layers.log",
    conda:
        "../envs/figures.yaml"
    params:
        **uses("collect_layers"),
        models=MODELS,
        pairs=LAYER_PAIRS,
        measures=LAYER_MEASURES,
    script:
        "../scripts/collect_layers.py"


rule collect_transfer:
    input:
        tile_stores("transfer", ATTACKS, ORDERED_TILES),
    output:
        transfer="<results>/tables/transfer.csv",
        sat="<results>/tables/sat.csv",
    log:
        "<logs>/collect_transfer.log",
    conda:
        "../envs/figures.yaml"
    params:
        **uses("collect_transfer"),
        models=MODELS,
        attacks=ATTACKS,
        floor=config["transfer"]["floor"],
        shuffles={attack: shuffles_of(attack) for attack in ATTACKS},
    script:
        "../scripts/collect_transfer.py"


rule collect_inversions:
    input:
        [inverted_images(inversion, MODELS) for inversion in INVERSIONS],
    output:
        inversions="<results>/tables/inversions.csv",
        curves="<results>/tables/inversion_curves.csv",
    log:
        "<logs>/collect_inversions.log",
    conda:
        "../envs/figures.yaml"
    params:
        **uses("collect_inversions"),
        models=MODELS,
        limits={inversion: residual_limits(inversion) for inversion in INVERSIONS},
    script:
        "../scripts/collect_inversions.py"


rule collect_gradients:
    input:
        tile_stores("similarity/gradients", ["natural"], UNORDERED_TILES),
    output:
        "<results>/tables/gradients.csv",
    log:
        "<logs>/collect_gradients.log",
    conda:
        "../envs/figures.yaml"
    params:
        **uses("collect_gradients"),
        models=MODELS,
    script:
        "../scripts/collect_gradients.py"


rule collect_stitching:
    input:
        tile_stores("similarity/stitching", ["natural"], ORDERED_TILES),
    output:
        "<results>/tables/stitching.csv",
    log:
        "<logs>/collect_stitching.log",
    conda:
        "../envs/figures.yaml"
    params:
        **uses("collect_stitching"),
        models=MODELS,
    script:
        "../scripts/collect_stitching.py"


rule collect_published:
    input:
        **{name: table(name) for name in COMPARED_TABLES},
        references=list(map(ancient, PUBLISHED.values())),
    output:
        cells="<results>/tables/published.csv",
        summary="<results>/tables/published_summary.csv",
    log:
        "<logs>/collect_published.log",
    conda:
        "../envs/figures.yaml"
    params:
        **uses("collect_published"),
        options=canonical(config["published"]),
        names=list(PUBLISHED),
        references=content_of(*PUBLISHED.values()),
    script:
        "../scripts/collect_published.py"


rule collect_gallery:
    input:
        natural="<results>/images/natural.zarr",
        training=training_seeds(GALLERY["inversion"]),
        inverted=inverted_images(GALLERY["inversion"], GALLERY["models"]),
    output:
        directory("<results>/tables/gallery.zarr"),
    log:
        "<logs>/collect_gallery.log",
    conda:
        "../envs/figures.yaml"
    params:
        **uses("collect_gallery"),
        models=GALLERY["models"],
        examples=GALLERY["examples"],
    script:
        "../scripts/collect_gallery.py"
