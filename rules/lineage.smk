# Why a job runs again: not because a file is newer, but because what it depends on has changed.
#
# `made_...` gives a fingerprint of everything a result depends on: its own settings, the parsed source of its
# script and of the kindred modules that it imports, and the fingerprints of its inputs. It goes into `params` of
# the rule, which Snakemake records and compares. Inputs whose record agrees are passed as `ancient`, so touching,
# copying, cloning and reformatting re-run nothing, and a change anywhere re-runs what descends from it and nothing
# else.

from functools import cache

from snakemake.io import IOFile

# Each maker and the makers of its inputs, for --forcerun: what follows from a forced job is done again as well.
MODEL_MAKERS = ["train_model", "import_checkpoint"]  # an import starts with convert_checkpoint
MAKERS = {
    "select_images": [],
    "train_model": ["select_images"],
    "convert_checkpoint": [],
    "import_checkpoint": ["select_images", "convert_checkpoint"],
    "attack_model": MODEL_MAKERS,
    "invert_images": MODEL_MAKERS,
    "extract_activations": [*MODEL_MAKERS, "attack_model", "invert_images"],
    "cross_evaluate": ["attack_model"],
    "compare_activations": ["extract_activations"],
    "compare_inverted": ["invert_images"],
    "compare_gradients": MODEL_MAKERS,
    "stitch_models": MODEL_MAKERS,
    "collect_models": ["attack_model"],
    "collect_cka": ["compare_activations", "compare_inverted"],
    "collect_layers": ["compare_activations"],
    "collect_transfer": ["cross_evaluate"],
    "collect_gallery": ["invert_images"],
    "collect_inversions": ["invert_images"],
    "collect_gradients": ["compare_gradients"],
    "collect_stitching": ["stitch_models"],
    "collect_published": ["collect_models", "collect_cka", "collect_gradients", "collect_stitching"],
}


def forced(rule):
    """Whether a rule, or one that its inputs come from, was named with --forcerun."""
    named = workflow.dag_settings.forcerun if workflow.dag_settings else ()
    return rule in named or any(map(forced, MAKERS[rule]))


def settled(path, made, *rules):
    """An input file; its age is disregarded where it is what it would be made to be by now.

    Where it is not, or its makers are forced, it stays an ordinary input, so that jobs that use it run after it was
    remade.
    """
    if any(map(forced, rules)):
        return path
    params = recorded(path)
    if params is None and written(path) not in (None, made):
        raise WorkflowError(
            f"{workflow.pathvars.apply(path)} came here without Snakemake's records, and was made with other settings, "
            f"code or inputs than there are now: bring .snakemake along with the results, or make it again with "
            f"--forcerun {' '.join(rules)}."
        )
    return ancient(path) if params is None or repr(made) in params else path


@cache
def recorded(path):
    """The params with which Snakemake remembers making a file; None where it remembers nothing."""
    return workflow.persistence.params(IOFile(workflow.pathvars.apply(path)))


@cache
def written(path):
    """What a model or a store itself says it was made of; None for tables and where nothing is there."""
    path = Path(workflow.pathvars.apply(path))
    described = path if path.suffix == ".json" else path / "zarr.json"
    try:
        about = json.loads(described.read_text())
    except (OSError, ValueError):
        return None
    about = about.get("attributes", about)
    return about.get("made", about.get("members"))


@cache
def code(script):
    return fingerprint.of_code(Path(workflow.basedir) / "scripts" / f"{script}.py")


def made(script, settings, *parents):
    """Fingerprint of a result in three parts, so that the reason Snakemake gives says what has changed."""
    return f"settings {fingerprint.of(settings)}, inputs {fingerprint.of(parents)}, code {code(script)}"


# Single results


def image_settings():
    """What the choice of images goes by: keys of other sources and those left out do not count."""
    settings = {key: value for key, value in config["images"].items() if value is not None}
    return canonical({**dict.fromkeys(config["images"]), **settings, "channels": channels(config)})


def input_settings():
    """What a network is built for."""
    return canonical({key: config["images"][key] for key in ("size", "mean", "std")})


@cache
def made_images():
    """Tables and arrays that images are read from count by their content; folders of files by their path."""
    settings = {
        key: value for key, value in config["images"].items() if value is not None and key != "broken"
    }
    files = [settings[key] for key in ("labels", "file", "training_file", "classes") if key in settings]
    contents = [fingerprint.of_file(path, HASHES) for path in files if Path(str(path)).is_file()]
    return made("select_images", canonical(settings), *contents)


def natural_images():
    return settled("<results>/images/natural.zarr", made_images(), "select_images")


def training_images():
    return settled("<results>/images/training.zarr", made_images(), "select_images")


@cache
def model_settings(model):
    # The layers at which a model is observed are no part of the model.
    entry = model_entry(config, model)
    return canonical({key: value for key, value in entry.items() if key != "layers"})


@cache
def made_model(model):
    entry = model_settings(model)
    if model in TRAINED:
        return made("train_model", entry, made_images())
    # What decides the weights is in the checkpoint's fingerprint; how the model is called and where its file lies, and
    # what accuracy is expected of it, changes nothing in it.
    own = {key: entry[key] for key in ("mean", "std", "input_size") if entry.get(key) is not None}
    return made("import_checkpoint", own, made_images(), made_checkpoint(model))


def weights(models):
    """The files of some models: for each its weights, and how to build the network that they belong to."""
    kinds = ("safetensors", "json")
    return [
        settled(f"<results>/models/{model}.{kind}", made_model(model), *MODEL_MAKERS)
        for model in models
        for kind in kinds
    ]


def attack_settings(attack):
    return canonical(config["attacks"][attack])


@cache
def made_adversarial(attack, model):
    return made("attack_model", attack_settings(attack), made_images(), made_model(model))


def adversarial_images(attack, models):
    path = f"<results>/images/adversarial/{attack}/{{}}.zarr"
    return [settled(path.format(model), made_adversarial(attack, model), "attack_model") for model in models]


def inversion_settings(inversion):
    # The chunk is how the work is cut, not what comes out; what counts as converged is asked afterwards.
    settings = config["inversions"][inversion]
    later = ("chunk", "converged", "leave_out")
    return canonical({key: value for key, value in settings.items() if key not in later})


def residual_limits(inversion):
    return {key: config["inversions"][inversion][key] for key in ("converged", "leave_out")}


def largest_residual(inversion):
    """The residual above which images are left out of comparisons; None where all are compared."""
    limits = residual_limits(inversion)
    return limits["converged"] if limits["leave_out"] else None


@cache
def made_inverted(inversion, model):
    return made("invert_images", inversion_settings(inversion), made_images(), made_model(model))


def inverted_images(inversion, models):
    path = f"<results>/images/inverted/{inversion}/{{}}.zarr"
    return [settled(path.format(model), made_inverted(inversion, model), "invert_images") for model in models]


def stimuli_images(stimuli):
    """The images that `natural`, `attack@model` or `inversion@model` stands for."""
    if stimuli == "natural":
        return natural_images()
    made_by, model = stimuli.split("@")
    return (adversarial_images if made_by in ATTACKS else inverted_images)(made_by, [model])[0]


@cache
def made_activations(model, stimuli):
    shown = made_images()
    if stimuli != "natural":
        made_by, maker = stimuli.split("@")
        shown = (made_adversarial if made_by in ATTACKS else made_inverted)(made_by, maker)
    return made("extract_activations", layer_choice(config, model), made_model(model), shown)


def activations_of(models, stimuli):
    path = f"<results>/activations/{{}}/{stimuli}.zarr"
    return [
        settled(path.format(model), made_activations(model, stimuli), "extract_activations")
        for model in models
    ]


# Tiles: comparisons of two groups of models in one job


def comparison_settings(natural):
    """The settings of the measures that are asked for, on natural or on inverted images."""
    similarity = config["similarity"]
    asked = {*similarity["measures"], *similarity["layer_measures"]}
    used = []
    used += ["minibatch"] if "cka_minibatch" in asked else []
    used += ["bandwidth"] if "cka_rbf" in asked else []
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


# The figures of Jones et al. 2022, as far as the study has what they show.
INVERTED_FIGURES = [
    "similarity_by_budget",
    "similarity_by_architecture",
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
