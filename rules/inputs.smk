# What rules take: input files, and settings for their params.


def tile_models(tile):
    """The models of a tile, those of its first group before those of its second, each once."""
    return list(dict.fromkeys(group(tile, 0) + group(tile, 1)))


def group(tile, side):
    """The models of a tile's first (0) or second (1) group."""
    return GROUPS.get(int(tile.split("x")[side]), [])


def lacking(path):
    """An input of what makes tiles, a newer file where the tile at this path lacks a model of its groups.

    A model that leaves stays in its tiles, and a new one is newer than they are. But one that comes back can be older than
    tiles that were made without it.
    """

    def newer(wildcards):
        tile = RESULTS / path.format(**dict(wildcards.items()))
        try:
            text = (tile / "zarr.json").read_text(encoding="utf-8")
            lacks = set(tile_models(wildcards.tile)) - set(json.loads(text)["attributes"]["members"])
        except (OSError, KeyError, ValueError):
            return []
        if not lacks:
            return []
        file = HASHES.parent / "lacking" / fingerprint.of(f"{tile} {text}")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        return str(file)

    return newer


def brought(paths, made, every):
    """Files and folders that the user brings, as inputs of the job that makes the result at `made`.

    A dry run goes on without those that are not there yet, and says once how many of `every` are not; a real one does not.
    """
    if workflow.dryrun and not (RESULTS / made).exists() and not all(Path(path).exists() for path in paths):
        tell_absent(every)
        return []
    return [ancient(path) for path in paths]


@cache
def tell_absent(paths):
    absent = [path for path in paths if not Path(path).exists()]
    lack = f"{len(absent)} of {len(paths)} files and folders do not exist yet ({some(absent)})"
    logger.warning(f"{lack}; this dry run plans as if they did.")


def weights(models):
    """The files of some models: for each its weights, and how to build the network that they belong to."""
    kinds = ("safetensors", "json")
    return [f"<results>/models/{model}.{kind}" for model in models for kind in kinds]


def group_weights(side):
    return lambda wildcards: weights(group(wildcards.tile, side))


def stimuli_images(stimuli):
    """The images that `natural`, `training`, `attack@model` or `inversion@model` stands for."""
    if "@" not in stimuli:
        return f"<results>/images/{stimuli}.zarr"
    made_by, model = stimuli.split("@")
    kind = "adversarial" if made_by in EVERY_ATTACK else "inverted"
    return f"<results>/images/{kind}/{made_by}/{model}.zarr"


def activations_of(models, stimuli="natural"):
    return [f"<results>/activations/{model}/{stimuli}.zarr" for model in models]


def table(name):
    """The path of a table by its name in the catalogue; SAT may come from elsewhere, and counts by its content then."""
    external = config["similarity"]["external"]
    return ancient(external) if name == "sat" and external else f"<results>/tables/{TABLES[name].path}"


def tile_stores(kind, whats, tiles):
    return [f"<results>/{kind}/{what}/{tile}.zarr" for what in whats for tile in tiles]


def attack_settings(attack):
    return canonical(EVERY_ATTACK[attack])


def shuffles_of(attack):
    """How many times the perturbations of an attack are put on other images."""
    return config["transfer"]["shuffles"] if moves(EVERY_ATTACK[attack]) else 0


def attack_modules(attack):
    return [ATTACK_METHODS[EVERY_ATTACK[attack]["method"]].module] if attack else []


def attack_module(wildcards):
    return attack_modules(wildcards.attack)


def measure_facts(names):
    """What a comparison needs to know of measures: {name: {module, between}}."""
    return {name: {key: getattr(measures.measure(name), key) for key in ("module", "between")} for name in names}


def measure_settings(names):
    """The settings that measures depend on, whether images are drawn class by class, and the content of the user's own."""
    used = sorted({key for name in names for key in measures.measure(name).uses})
    own = [found["file"] for name in names if (found := measures.OWN_PATTERN.match(name))]
    settings = {key: config["similarity"][key] for key in used}
    if any(measures.measure(name).stratified for name in names):
        settings["stratified"] = config["images"]["choice"] == "balanced"
    return canonical({**settings, **({"own": content_of(*own)} if own else {})})


# Images
def image_settings(*left_out):
    """The settings that decide which images are chosen. Tables and arrays that the user brings count by content."""
    settings = {key: value for key, value in config["images"].items() if key not in left_out}
    return canonical({**settings, "channels": entries.channels(config)})


def image_files(*keys):
    return content_of(*(path for key in keys if (path := config["images"].get(key)) and Path(str(path)).is_file()))


def sources(keys, made):
    """The user's folders and files behind these keys, as inputs."""
    paths = {key: config["images"][key] for key in BROUGHT if config["images"].get(key)}
    return brought([paths[key] for key in keys if key in paths], f"images/{made}.zarr", tuple(paths.values()))


# Models
def input_settings():
    """What a network is built for."""
    return canonical({key: config["images"][key] for key in ("size", "mean", "std")})


def model_settings(model):
    entry = entries.model_entry(config, model)
    decisive = TRAINED_BY if model in TRAINED else IMPORTED_AS
    return canonical({key: entry[key] for key in decisive if key in entry})


def training_module(wildcards):
    return TRAINING_METHODS[entries.model_entry(config, wildcards.model)["recipe"]["method"]].module


def facts(model):
    return model_sources.facts_of(EVERY_MODEL[model])


def weights_brought(model):
    """The files on this machine that an imported model is read from: weights, code, descriptions."""
    every = tuple(dict.fromkeys(path for name in IMPORTED for path in facts(name).files))
    return brought(facts(model).files, f"checkpoints/{model}.safetensors", every)


def source_module(wildcards):
    return model_sources.SOURCES[model_sources.source_of(EVERY_MODEL[wildcards.model])].module


# Inversion
def inversion_settings(inversion):
    settings = config["inversions"][inversion]
    return canonical({key: value for key, value in settings.items() if key not in NOT_IN_IMAGES})


def training_seeds(inversion):
    """The images trained on, where an inversion has fewer other images to start from than it needs."""
    needed = bool(inversion) and not entries.enough_seeds(config, inversion)
    return ["<results>/images/training.zarr"] if needed and entries.training_images(config) else []


def residual_limits(inversion):
    return {key: config["inversions"][inversion][key] for key in ("converged", "leave_out")}


def largest_residual(inversion):
    """The residual above which images are left out of comparisons; None where all are compared."""
    limits = residual_limits(inversion)
    return limits["converged"] if limits["leave_out"] else None


def inverted_images(inversion, models):
    return [f"<results>/images/inverted/{inversion}/{model}.zarr" for model in models]


def modules_of(names):
    return list(dict.fromkeys(measures.measure(name).module for name in names))


# Analyses of SAT
def entries_of(keys):
    """These keys of every model's entry."""
    found = {model: entries.model_entry(config, model) for model in SAT_MODELS}
    return canonical({model: {key: entry[key] for key in keys if key in entry} for model, entry in found.items()})


def settings_of(part, *keys):
    """These keys of a part of `sat`."""
    return canonical({key: SAT[part][key] for key in keys})


def students_of(teacher):
    """A student cannot be its own teacher."""
    return [student for student in SAT["distillation"]["students"] if student != teacher]


# Layer comparisons
def layer_settings():
    """The settings of all layer comparisons."""
    chosen = {key: LAYERS.settings[key] for key in ("layers", "fraction", "pooled")}
    # Alignments have debiased CKA whatever the other measures.
    aligned = ["cka_debiased"] if LAYERS.settings["alignments"] else []
    used = measure_settings([LAYERS.measure, *LAYERS.settings["estimators"], *aligned])
    return canonical({**chosen, "images": LAYERS.images, **used})


def comparison_stores(comparisons):
    return [f"<results>/similarity/layers/{name}.zarr" for name in comparisons]


def snapshot_settings():
    attack = LAYERS.kept["attack"]
    images = LAYERS.kept["images"] or LAYERS.images
    return canonical({"attack": attack and attack_settings(attack), "images": images})


def epochs_of(model):
    """Epochs of a model's whole training."""
    return model_settings(model)["recipe"]["epochs"]


# Figures
def drawn(paper=None):
    """The files of the figures of a paper, or of plain `snakemake`."""
    return [
        f"<results>/figures/{path}.{kind}"
        for path, one in DRAWN.items()
        for kind in ("png", "pdf")
        if (paper in one.figure.papers if paper else one.figure.own)
    ]


@cache
def demand(paper):
    """No input of a paper's target; tells what the study lacks for its figures, and fails where it has nothing."""
    for name, reason in LACKING.items():
        if paper in FIGURES[name].papers:
            logger.warning(f"{name} is not drawn: {reason}.")
    if not drawn(paper):
        refuse(f"{paper} has nothing to draw of this study.")
    return []


def refuse(message):
    """End with this message alone: Snakemake adds a traceback to what is raised in an input function."""
    sys.exit(f"kindred: {message}")


# Forecast
def network_settings(model):
    """What the rates of a model depend on: its network, and the stages that the study has for it."""
    entry = entries.model_entry(config, model)
    design = {key: entry[key] for key in ("architecture", "arguments", "input_size", "timm") if key in entry}
    layered = LAYERED_BY if model in LAYERS.models() else None
    return canonical([design, entries.layer_choice(config, model), stages(config, model), layered])


@cache
def measured_as():
    """{model: the first model with the same network and the same stages}."""
    first = {}
    models = dict.fromkeys([*MODELS, *LAYERS.models()])
    return {model: first.setdefault(fingerprint.of(network_settings(model)), model) for model in models}
