# Why a job runs again: not because a file is newer, but because what it depends on has changed.
#
# `made_...` gives a fingerprint of everything a result depends on: its own settings, the parsed source of its
# script and of the kindred modules that it imports, and the fingerprints of its inputs. It goes into `params` of
# the rule, which Snakemake records and compares. Inputs whose record agrees are passed as `ancient`, so touching,
# copying, cloning and reformatting re-run nothing, and a change anywhere re-runs what descends from it and nothing
# else. What is made of several models together (tiles, tables, figures) is in table_lineage.smk.

from functools import cache

from snakemake.io import IOFile

# Each maker and the makers of its inputs, for --forcerun: what follows from a forced job is done again as well.
MODEL_MAKERS = [
    "train_model",
    "train_snapshots",
    "import_checkpoint",
]  # an import starts with convert_checkpoint
MAKERS = {
    "select_images": [],
    "train_model": ["select_images"],
    "train_snapshots": ["select_images"],
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
    remade. So it does where its job has to be done again for another reason: Snakemake would leave out, without a word,
    the missing results of jobs whose inputs are all old and there while one of them is being made.
    """
    if any(map(forced, rules)) or not whole(path, rules):
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
def whole(path, rules):
    """Whether the job that made a file ended, and left whatever else it makes: one that was killed is done again."""
    place = workflow.pathvars.apply(path)
    if workflow.persistence._filter_incomplete_keys([place]):
        return False
    for maker in map(workflow.get_rule, rules):
        if len(maker.output) > 1 and maker.is_producer(place):
            outputs, _ = maker.expand_output(maker.get_wildcards(place))
            return all(Path(output).exists() for output in outputs)
    return True


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


# What is made of the images, or of one model


def image_settings():
    """What the choice of images goes by; keys that are left out do not count, so that a new one changes nothing."""
    settings = {key: value for key, value in config["images"].items() if value is not None}
    return canonical({**settings, "channels": channels(config)})


def input_settings():
    """What a network is built for."""
    return canonical({key: config["images"][key] for key in ("size", "mean", "std")})


@cache
def made_images():
    """Tables and arrays that images are read from count by their content; folders of files by their path."""
    settings = {key: value for key, value in image_settings().items() if key != "broken"}
    files = [settings.get(key) for key in ("labels", "file", "training_file", "classes")]
    contents = [fingerprint.of_file(path, HASHES) for path in files if path and Path(str(path)).is_file()]
    return made("select_images", settings, *contents)


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
    return canonical(EVERY_ATTACK[attack])


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
    return (adversarial_images if made_by in EVERY_ATTACK else inverted_images)(made_by, [model])[0]


@cache
def made_activations(model, stimuli):
    shown = made_images()
    if stimuli != "natural":
        made_by, maker = stimuli.split("@")
        shown = (made_adversarial if made_by in EVERY_ATTACK else made_inverted)(made_by, maker)
    return made("extract_activations", layer_choice(config, model), made_model(model), shown)


def activations_of(models, stimuli):
    path = f"<results>/activations/{{}}/{stimuli}.zarr"
    return [
        settled(path.format(model), made_activations(model, stimuli), "extract_activations")
        for model in models
    ]
