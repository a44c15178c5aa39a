# What `snakemake cianfarani2022` compares and where it comes from: models and attacks that only it makes, snapshots of
# trainings, looks (many layers of several observations compared in one job), and the fingerprints of all these.

LAYERED = config["cianfarani"] or {
    "models": {},
    "attacks": {},
    "panels": [],
    "benign": None,
    "epochs": None,
    "series": {},
    "alignments": [],
    "estimators": [],
    "images": None,
    "measure": "cka_debiased",
    "memory": 1,
    "directions": 1,
    "published": False,
}
EPOCHS = LAYERED["epochs"] or {"models": [], "at": [], "attack": None, "images": None}
BENIGN = LAYERED["benign"] or {"models": [], "attacks": []}
SHOWN_IMAGES = LAYERED["images"] or config["images"]["evaluation"]
LAYER_MEASURE = LAYERED["measure"]
KEPT_EPOCHS = sorted(EPOCHS["at"])
IMAGE_SETS = ["natural", "training"]
LAYER_REFERENCE = Path(workflow.basedir) / "studies" / "reference" / "cianfarani2022_repository_figure.csv"
NATURAL_PANELS = [
    panel for panel in LAYERED["panels"] if panel["rows_see"] == panel["columns_see"] == "natural"
]
OTHER_PANELS = [panel for panel in LAYERED["panels"] if panel not in NATURAL_PANELS]


def panel_images(panel):
    """Panels on natural images, on training images and on others are looked at apart."""
    seen = {panel["rows_see"], panel["columns_see"]}
    return next((one for one in IMAGE_SETS if seen == {one}), "attacked")


def observations(look):
    """The (model, what it is shown) of a look, each once; of a model after e epochs `model~e`."""
    kind, _, about = look.partition("-")
    if kind == "panels":
        found = [
            (panel[side], panel[f"{side}_see"])
            for panel in LAYERED["panels"]
            for side in ("rows", "columns")
            if panel_images(panel) == (about or "natural")
        ]
    elif kind == "benign":
        found = [(about, "natural"), *((about, f"{attack}@{about}") for attack in BENIGN["attacks"])]
    elif kind == "epochs":
        shown, _, model = about.partition("-")
        found = [*((f"{model}~{epoch}", shown) for epoch in KEPT_EPOCHS), (model, shown)]
    else:
        found = [(model, "natural") for model in LAYERED["series"][about]["models"]]
    return [list(one) for one in dict.fromkeys(map(tuple, found))]


PANEL_LOOKS = [look for look in ("panels", "panels-training", "panels-attacked") if observations(look)]
BENIGN_LOOKS = [f"benign-{model}" for model in BENIGN["models"]]
EPOCH_OBSERVATIONS = [[model, shown] for model in EPOCHS["models"] for shown in IMAGE_SETS]
EPOCH_LOOKS = [f"epochs-{shown}-{model}" for model, shown in EPOCH_OBSERVATIONS]
SERIES_LOOKS = [f"series-{name}" for name in LAYERED["series"]]
LOOKS = [*PANEL_LOOKS, *BENIGN_LOOKS, *EPOCH_LOOKS, *SERIES_LOOKS]


def look_measures(look):
    return [LAYER_MEASURE, *(LAYERED["estimators"] if look == "panels" else [])]


def look_settings():
    """The settings of all looks; `memory` changes only how they are computed."""
    if not config["cianfarani"]:
        return {}
    chosen = {key: LAYERED[key] for key in ("layers", "fraction", "pooled")}
    used = ["minibatch"] if "cka_minibatch" in [LAYER_MEASURE, *LAYERED["estimators"]] else []
    used += ["bandwidth"] if "cka_rbf" in [LAYER_MEASURE, *LAYERED["estimators"]] else []
    chosen["images"] = SHOWN_IMAGES
    return canonical({**chosen, **{key: config["similarity"][key] for key in used}})


def network_of(model):
    """The model that a snapshot `model~epochs` is of."""
    return model.partition("~")[0]


@cache
def made_snapshots(model):
    return made("train_snapshots", [KEPT_EPOCHS, model_settings(model)], made_images())


def snapshots(models):
    """The folder of snapshots of each model of which there are any."""
    return [
        settled(f"<results>/snapshots/{model}", made_snapshots(model), "train_snapshots") for model in models
    ]


def look_images(look):
    """The stores of images that a look shows, each once."""
    seen = list(dict.fromkeys(shown for _, shown in observations(look)))
    return [training_images() if shown == "training" else stimuli_images(shown) for shown in seen]


def look_weights(look):
    return weights(dict.fromkeys(model for model, _ in observations(look) if "~" not in model))


def look_snapshots(look):
    return snapshots(dict.fromkeys(network_of(model) for model, _ in observations(look) if "~" in model))


@cache
def made_look(look):
    shown = {"natural": made_images(), "training": made_images()}
    parents = []
    for model, seen in observations(look):
        made_by, found, maker = seen.partition("@")
        images = made_adversarial(made_by, maker) if found else shown[seen]
        own = made_snapshots(network_of(model)) if "~" in model else made_model(model)
        parents.append([model, seen, own, images])
    return made("compare_layers", [look_settings(), look_measures(look)], parents)


def look_stores(looks):
    return [
        settled(f"<results>/similarity/layers/{look}.zarr", made_look(look), "compare_layers")
        for look in looks
    ]


@cache
def made_alignment(model, other):
    settings = [look_settings(), LAYERED["directions"], model, other]
    return made("align_layers", settings, made_images(), made_model(model), made_model(other))


def alignment_tables():
    path = "<results>/similarity/alignments/{}/{}.csv"
    return [
        settled(path.format(*pair), made_alignment(*pair), "align_layers") for pair in LAYERED["alignments"]
    ]


def attacked_images():
    return [path for attack, model in attacked_models() for path in adversarial_images(attack, [model])]


def last_epochs():
    """{model: epochs of its whole training}."""
    return {model: model_settings(model)["recipe"]["epochs"] for model in EPOCHS["models"]}


def snapshot_settings():
    attack = EPOCHS["attack"]
    count = EPOCHS["images"] or SHOWN_IMAGES
    return canonical({"attack": attack and attack_settings(attack), "images": count})


@cache
def made_curves(model):
    return made(
        "evaluate_snapshots", snapshot_settings(), made_images(), made_snapshots(model), made_model(model)
    )


def curve_tables():
    path = "<results>/snapshots/{}.csv"
    return [
        settled(path.format(model), made_curves(model), "evaluate_snapshots") for model in EPOCHS["models"]
    ]


def attacked_models():
    """(attack, model) of which the tables below tell accuracy."""
    series = [
        (attack, model)
        for one in LAYERED["series"].values()
        for attack in one["attacks"]
        for model in one["models"]
    ]
    benign = [(attack, model) for model in BENIGN["models"] for attack in BENIGN["attacks"]]
    return [list(one) for one in dict.fromkeys([*series, *benign])]


def described_models():
    """All models of which these tables tell."""
    panels = [panel[side] for panel in LAYERED["panels"] for side in ("rows", "columns")]
    series = [model for one in LAYERED["series"].values() for model in one["models"]]
    pairs = [model for pair in LAYERED["alignments"] for model in pair]
    return list(dict.fromkeys([*panels, *series, *BENIGN["models"], *EPOCHS["models"], *pairs]))


def benign_norms():
    """{attack: [norm, eps]} of the attacks whose images are compared with natural ones."""
    return {attack: [attack_settings(attack)[key] for key in ("norm", "eps")] for attack in BENIGN["attacks"]}


@cache
def made_layered(script):
    """Fingerprint of one of the tables below."""
    if script == "collect_panels":
        settings = [LAYERED["panels"], LAYERED["estimators"], LAYER_MEASURE]
        settings += [LAYER_REFERENCE.read_text(encoding="utf-8")] if LAYERED["published"] else []
        return made(script, canonical(settings), list(map(made_look, PANEL_LOOKS)))
    if script == "collect_benign":
        return made(
            script, [canonical(BENIGN), benign_norms(), LAYER_MEASURE], list(map(made_look, BENIGN_LOOKS))
        )
    if script == "collect_epochs":
        compared, curves = list(map(made_look, EPOCH_LOOKS)), list(map(made_curves, EPOCHS["models"]))
        return made(script, [canonical(EPOCHS), last_epochs(), LAYER_MEASURE], compared, curves)
    if script == "collect_series":
        return made(script, [canonical(LAYERED["series"]), LAYER_MEASURE], list(map(made_look, SERIES_LOOKS)))
    if script == "collect_described":
        attacked = [made_adversarial(*one) for one in attacked_models()]
        models = described_models()
        return made(script, [models, attacked_models()], list(map(made_model, models)), attacked)
    return made(
        "collect_alignments", LAYERED["alignments"], [made_alignment(*pair) for pair in LAYERED["alignments"]]
    )


def layered_table(script, name):
    return settled(f"<results>/tables/cianfarani/{name}.csv", made_layered(script), script)


def made_layered_figure(script, *tables, options=()):
    look = [config["figures"]["dpi"], config["figures"]["font_size"], STYLE_SHEET.read_text(encoding="utf-8")]
    return made(script, [list(options), LAYER_MEASURE, look], *map(made_layered, tables))


def layered_drawn(name):
    return [f"<results>/figures/cianfarani/{name}.{kind}" for kind in ("png", "pdf")]


MAKERS.update(
    {
        "train_snapshots": ["select_images"],
        "compare_layers": [*MODEL_MAKERS, "train_snapshots", "attack_model"],
        "align_layers": MODEL_MAKERS,
        "evaluate_snapshots": [*MODEL_MAKERS, "train_snapshots"],
        "collect_described": [*MODEL_MAKERS, "attack_model"],
        "collect_panels": ["compare_layers"],
        "collect_benign": ["compare_layers"],
        "collect_epochs": ["compare_layers", "evaluate_snapshots"],
        "collect_series": ["compare_layers"],
        "collect_alignments": ["align_layers"],
    }
)
