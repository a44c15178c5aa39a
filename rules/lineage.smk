# Why a job runs again: not because a file is newer, but because what it depends on has changed.
#
# `made_...` gives a fingerprint of everything a result depends on: its own settings, the parsed source of its
# script and of the kindred modules that it imports, and the fingerprints of its inputs. It goes into `params` of
# the rule, which Snakemake records and compares. Inputs whose record agrees are passed as `ancient`, so touching,
# copying, cloning and reformatting re-run nothing, and a change anywhere re-runs what descends from it and nothing
# else.

from functools import cache

from snakemake.io import IOFile

# With --forcerun the user wants what follows from the forced jobs as well, changed or not.
FORCED = bool(workflow.dag_settings and workflow.dag_settings.forcerun)


def settled(path, made):
    """An input file; its age is disregarded where it is what it would be made to be.

    Where it is not, or is forced, it stays an ordinary input, so that jobs that use it run after it was remade.
    """
    params = recorded(path)
    outdated = params is not None and repr(made) not in params
    return path if FORCED or outdated else ancient(path)


@cache
def recorded(path):
    """The params with which Snakemake remembers making a file; None where it remembers nothing."""
    return workflow.persistence.params(IOFile(workflow.pathvars.apply(path)))


@cache
def code(script):
    return fingerprint.of_code(Path(workflow.basedir) / "scripts" / f"{script}.py")


# Single results


@cache
def made_images():
    return fingerprint.of([config["images"], code("select_images")])


def natural_images():
    return settled("<results>/images/natural.zarr", made_images())


def training_images():
    return settled("<results>/images/training.zarr", made_images())


@cache
def model_settings(model):
    # The layers at which a model is observed are no part of the model.
    entry = model_entry(config, model)
    return canonical({key: value for key, value in entry.items() if key != "layers"})


@cache
def made_model(model):
    entry = model_settings(model)
    if model in TRAINED:
        return fingerprint.of([entry, made_images(), code("train_model")])
    source = entry.get("sha256") or fingerprint.of_file(entry["weights"])
    return fingerprint.of([entry, source, made_images(), code("import_checkpoint")])


def weights(models):
    """The files of some models: for each its weights, and how to build the network that they belong to."""
    kinds = ("safetensors", "json")
    return [
        settled(f"<results>/models/{model}.{kind}", made_model(model)) for model in models for kind in kinds
    ]


def attack_settings(attack):
    return canonical(config["attacks"][attack])


@cache
def made_adversarial(attack, model):
    return fingerprint.of([attack_settings(attack), made_images(), made_model(model), code("attack_model")])


def adversarial_images(attack, models):
    path = f"<results>/images/adversarial/{attack}/{{}}.zarr"
    return [settled(path.format(model), made_adversarial(attack, model)) for model in models]


def inversion_settings(inversion):
    # The chunk is how the work is cut, not what comes out.
    settings = config["inversions"][inversion]
    return canonical({key: value for key, value in settings.items() if key != "chunk"})


@cache
def made_inverted(inversion, model):
    return fingerprint.of(
        [inversion_settings(inversion), made_images(), made_model(model), code("invert_images")]
    )


def inverted_images(inversion, models):
    path = f"<results>/images/inverted/{inversion}/{{}}.zarr"
    return [settled(path.format(model), made_inverted(inversion, model)) for model in models]


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
    return fingerprint.of(
        [layer_choice(config, model), made_model(model), shown, code("extract_activations")]
    )


def activations_of(models, stimuli):
    path = f"<results>/activations/{{}}/{stimuli}.zarr"
    return [settled(path.format(model), made_activations(model, stimuli)) for model in models]


# Tiles: comparisons of two groups of models in one job


def comparison_settings():
    similarity = config["similarity"]
    return canonical({key: similarity[key] for key in ("measures", "minibatch", "bandwidth")})


def layer_measures():
    return config["similarity"]["layer_measures"]


@cache
def made_for_transfer(attack, model):
    return fingerprint.of([made_adversarial(attack, model), code("cross_evaluate")])


@cache
def made_for_activations(stimuli, model):
    work = [comparison_settings(), layer_measures(), code("compare_activations")]
    return fingerprint.of([made_activations(model, stimuli), work])


@cache
def made_for_inverted(inversion, model):
    return fingerprint.of([made_inverted(inversion, model), comparison_settings(), code("compare_inverted")])


TILES = {
    "<results>/transfer/{what}/{tile}.zarr": made_for_transfer,
    "<results>/similarity/activations/{what}/{tile}.zarr": made_for_activations,
    "<results>/similarity/inverted/{what}/{tile}.zarr": made_for_inverted,
}
TRANSFER, ACTIVATIONS, INVERTED = TILES


def members(pattern, what, tile):
    """{model: fingerprint of all that the tile takes from it}, for `params` of the tile.

    Where the tile on disk covers the models needed, its own members are given, so a model that leaves the study
    makes no tile run again: what is left of it is still right, and tables take only what they need.
    """
    needed = {model: TILES[pattern](what, model) for model in tile_models(tile)}
    described = Path(workflow.pathvars.apply(pattern.format(what=what, tile=tile))) / "zarr.json"
    try:
        found = json.loads(described.read_text())["attributes"]["members"]
    except (OSError, KeyError, ValueError):
        return canonical(needed)
    covered = all(found.get(model) == made for model, made in needed.items())
    return canonical(found if covered else needed)


def tile_stores(pattern, whats, tiles):
    return [
        settled(pattern.format(what=what, tile=tile), members(pattern, what, tile))
        for what in whats
        for tile in tiles
    ]


# Tables


@cache
def made_table(table):
    """Fingerprint of one of the tables, which hold every model of the study."""
    attacked = [made_adversarial(attack, model) for attack in ATTACKS for model in MODELS]
    observed = [made_for_activations("natural", model) for model in MODELS]
    inverted = [made_for_inverted(inversion, model) for inversion in INVERSIONS for model in MODELS]
    answered = [made_for_transfer(attack, model) for attack in ATTACKS for model in MODELS]
    made_of = {
        "models": [[made_model(model) for model in MODELS], attacked, code("collect_models")],
        "cka": [observed, inverted, code("collect_cka")],
        "layers": [observed, LAYER_PAIRS, code("collect_layers")],
        "transfer": [answered, config["transfer"]["floor"], code("collect_transfer")],
        "gallery": [GALLERY, inverted, code("collect_gallery")],
    }
    return fingerprint.of([MODELS, ATTACKS, INVERSIONS, made_of[table]])


def table(name):
    made = made_table("transfer" if name == "sat" else name)
    return settled(f"<results>/tables/{name}.{'zarr' if name == 'gallery' else 'csv'}", made)


# Figures

STYLE_SHEET = Path(workflow.basedir) / "scripts" / "kindred" / "figures" / "kindred.mplstyle"


def made_figure(script, tables, options):
    """Fingerprint of a figure: the tables it is drawn from, its options, the style, and the code that draws it."""
    style = [
        config["figures"]["dpi"],
        config["figures"]["font_size"],
        STYLE_SHEET.read_text(encoding="utf-8"),
    ]
    return fingerprint.of([[made_table(table) for table in tables], options, style, code(script)])


def drawn(name):
    return [f"<results>/figures/{name}.{kind}" for kind in ("png", "pdf")]
