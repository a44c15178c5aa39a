# What is made of several models: the fingerprints of tiles, tables and figures, and where they are found.

# Tiles: comparisons of two groups of models in one job


def comparison_settings(natural):
    """The settings of the measures that are asked for, on natural or on inverted images."""
    similarity = config["similarity"]
    asked = {*similarity["measures"], *similarity["layer_measures"]}
    used = []
    used += ["minibatch"] if "cka_minibatch" in asked else []
    used += ["bandwidth"] if "cka_rbf" in asked else []
    used += ["precision"] if "precision" in similarity else []
    measures = [name for name in similarity["measures"] if not (natural and name in INVERTED_ONLY)]
    return canonical({"measures": measures, **{key: similarity[key] for key in used}})


def layer_measures():
    return config["similarity"]["layer_measures"]


@cache
def made_for_transfer(attack, model):
    return made("cross_evaluate", GROUP_COUNT, made_adversarial(attack, model))


@cache
def made_for_activations(stimuli, model):
    settings = [GROUP_COUNT, comparison_settings(natural=True), layer_measures()]
    return made("compare_activations", settings, made_activations(model, stimuli))


@cache
def made_for_inverted(inversion, model):
    settings = [GROUP_COUNT, comparison_settings(natural=False), largest_residual(inversion)]
    return made("compare_inverted", settings, made_inverted(inversion, model))


@cache
def made_for_gradients(stimuli, model):
    settings = [GROUP_COUNT, canonical(config["gradients"])]
    return made("compare_gradients", settings, made_images(), made_model(model))


@cache
def made_for_stitching(stimuli, model):
    settings = [GROUP_COUNT, canonical(config["stitching"])]
    return made("stitch_models", settings, made_images(), made_model(model))


TILES = {
    "<results>/transfer/{what}/{tile}.zarr": (made_for_transfer, "cross_evaluate"),
    "<results>/similarity/activations/{what}/{tile}.zarr": (made_for_activations, "compare_activations"),
    "<results>/similarity/inverted/{what}/{tile}.zarr": (made_for_inverted, "compare_inverted"),
    "<results>/similarity/gradients/{what}/{tile}.zarr": (made_for_gradients, "compare_gradients"),
    "<results>/similarity/stitching/{what}/{tile}.zarr": (made_for_stitching, "stitch_models"),
}
TRANSFER, ACTIVATIONS, INVERTED, GRADIENTS, STITCHING = TILES


def members(pattern, what, tile):
    """{model: fingerprint of all that the tile takes from it}, for `params` of the tile.

    Where the tile on disk covers the models needed, its own members are given, so a model that leaves the study
    makes no tile run again: what is left of it is still right, and tables take only what they need.
    """
    needed = {model: TILES[pattern][0](what, model) for model in tile_models(tile)}
    described = Path(workflow.pathvars.apply(pattern.format(what=what, tile=tile))) / "zarr.json"
    try:
        found = json.loads(described.read_text())["attributes"]["members"]
    except (OSError, KeyError, ValueError):
        return canonical(needed)
    covered = all(found.get(model) == wanted for model, wanted in needed.items())
    return canonical(found if covered else needed)


def tile_stores(pattern, whats, tiles):
    return [
        settled(pattern.format(what=what, tile=tile), members(pattern, what, tile), TILES[pattern][1])
        for what in whats
        for tile in tiles
    ]


# Tables


# The numbers of Jones et al. 2022, and the tables of ours that have such numbers.
PUBLISHED_OPTIONS = canonical(config["published"])
PUBLISHED = {
    name: Path(workflow.basedir) / "studies" / "reference" / f"jones2022_{name}{about}.csv"
    for name, about in (
        ("fig1", "_inverted_by_eps"),
        ("fig3_fig4", "_architectures"),
        ("fig5_fig7_fig8", ""),
        ("fig6", "_digitised"),
    )
}
COMPARED_TABLES = ["models", "cka", *(name for name in ("gradients", "stitching") if config[name])]


@cache
def made_table(table):
    """Fingerprint of one of the tables. Each holds all models of the study, but for the gallery."""
    observed = [made_for_activations("natural", model) for model in MODELS]
    if table == "models":
        attacked = [made_adversarial(attack, model) for attack in ATTACKS for model in MODELS]
        described = [config["models"][model].get("trained") for model in MODELS]
        return made("collect_models", [MODELS, ATTACKS, described], list(map(made_model, MODELS)), attacked)
    if table == "cka":
        inverted = [made_for_inverted(inversion, model) for inversion in INVERSIONS for model in MODELS]
        return made("collect_cka", [MODELS, INVERSIONS], observed, inverted)
    if table == "layers":
        return made("collect_layers", [MODELS, LAYER_PAIRS], observed)
    if table == "transfer":
        answered = [made_for_transfer(attack, model) for attack in ATTACKS for model in MODELS]
        return made("collect_transfer", [MODELS, ATTACKS, config["transfer"]["floor"]], answered)
    if table == "inversions":
        grown = [made_inverted(inversion, model) for inversion in INVERSIONS for model in MODELS]
        return made("collect_inversions", [MODELS, list(map(residual_limits, INVERSIONS))], grown)
    if table == "gradients":
        compared = [made_for_gradients("natural", model) for model in MODELS]
        return made("collect_gradients", MODELS, compared)
    if table == "stitching":
        stitched = [made_for_stitching("natural", model) for model in MODELS]
        return made("collect_stitching", MODELS, stitched)
    if table == "published":
        references = [path.read_text(encoding="utf-8") for path in PUBLISHED.values()]
        return made("collect_published", [PUBLISHED_OPTIONS, references], *map(made_table, COMPARED_TABLES))
    grown = [made_inverted(GALLERY["inversion"], model) for model in GALLERY["models"]]
    return made("collect_gallery", GALLERY, made_images(), grown)


def table(name):
    makers = {"sat": "transfer", "inversion_curves": "inversions", "published_summary": "published"}
    maker = makers.get(name, name)
    path = f"<results>/tables/{name}.{'zarr' if name == 'gallery' else 'csv'}"
    return settled(path, made_table(maker), f"collect_{maker}")


# Figures

STYLE_SHEET = Path(workflow.basedir) / "scripts" / "kindred" / "figures" / "kindred.mplstyle"


def made_figure(script, tables, options):
    """Fingerprint of a figure: the tables it is drawn from, its options, the style, and the code that draws it."""
    look = [config["figures"]["dpi"], config["figures"]["font_size"], STYLE_SHEET.read_text(encoding="utf-8")]
    return made(script, [options, look], *map(made_table, tables))


def drawn(name):
    return [f"<results>/figures/{name}.{kind}" for kind in ("png", "pdf")]


def several_architectures():
    """Whether models of different architectures were trained alike: a figure by architecture has nothing else to show."""
    alike = {}
    for entry in (model_entry(config, model) for model in MODELS):
        training = tuple(entry["trained"][key] for key in ("training", "norm", "eps"))
        alike.setdefault(training, set()).add(entry["architecture"])
    return any(len(architectures) > 1 for architectures in alike.values())


# The figures of Jones et al. 2022, as far as the study has what they show.
INVERTED_FIGURES = [
    "similarity_by_budget",
    *(["similarity_by_architecture"] if several_architectures() else []),
    "similarity_by_architecture_and_budget",
]
COMPARED = set(config["similarity"]["measures"])
JONES_FIGURES = [
    *(INVERTED_FIGURES if FIGURES.get("similarity", {}).get("inversion") else []),
    *(["estimators"] if "similarity" in FIGURES and COMPARED >= {"cka_debiased", "cka_biased"} else []),
    *(["gallery"] if "gallery" in FIGURES else []),
    *(["gradients"] if config["gradients"] else []),
    *(["stitching"] if config["stitching"] else []),
    *(["published"] if config["published"] else []),
    *(f"residuals_{inversion}" for inversion in INVERSIONS),
]
