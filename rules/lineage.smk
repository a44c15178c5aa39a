# Why a job runs again: not because a file is newer, but because what it depends on has changed.
#
# `made_...` gives a fingerprint of everything a result depends on: its own settings, the parsed source of its
# script and of the kindred modules that it imports, and the fingerprints of its inputs. It goes into `params` of
# the rule. Inputs are `ancient`, so touching, copying, cloning and reformatting re-run nothing, and a change
# anywhere re-runs what descends from it and nothing else.

import json


def code(script):
    return fingerprint.of_code(Path(workflow.basedir) / "scripts" / f"{script}.py")


def made_images():
    return fingerprint.of([config["images"], code("select_images")])


def made_model(model):
    entry = model_entry(config, model)
    # What a layer choice or a figure says about a model does not change its weights.
    entry = {key: value for key, value in entry.items() if key != "layers"}
    if model in TRAINED:
        return fingerprint.of([entry, made_images(), code("train_model")])
    source = entry.get("sha256") or fingerprint.of_file(entry["weights"])
    return fingerprint.of([entry, source, made_images(), code("import_checkpoint")])


def made_adversarial(attack, model):
    return fingerprint.of(
        [
            config["attacks"][attack],
            made_images(),
            made_model(model),
            code("attack_model"),
        ]
    )


def inversion_settings(inversion):
    # The chunk is how the work is cut, not what comes out.
    return {
        key: value
        for key, value in config["inversions"][inversion].items()
        if key != "chunk"
    }


def made_inverted(inversion, model):
    return fingerprint.of(
        [
            inversion_settings(inversion),
            made_images(),
            made_model(model),
            code("invert_images"),
        ]
    )


def made_stimuli(stimuli):
    if stimuli == "natural":
        return made_images()
    made_by, model = stimuli.split("@")
    return (
        made_adversarial(made_by, model)
        if made_by in ATTACKS
        else made_inverted(made_by, model)
    )


def layer_choice(model):
    return config["models"][model].get("layers") or config["activations"]["layers"]


def made_activations(model, stimuli):
    return fingerprint.of(
        [
            layer_choice(model),
            made_model(model),
            made_stimuli(stimuli),
            code("extract_activations"),
        ]
    )


def covered(tile_store, needed):
    """The members that a tile was made of, where they cover those needed; else those needed.

    needed: {model: fingerprint of all that the tile takes from it}. So a model that leaves the study makes no
    tile run again: what is left of it is still right, and tables take only what they need.
    """
    described = Path(workflow.pathvars.apply(tile_store)) / "zarr.json"
    try:
        members = json.loads(described.read_text())["attributes"]["members"]
    except (OSError, KeyError, ValueError):
        return needed
    return (
        members
        if all(members.get(model) == made for model, made in needed.items())
        else needed
    )


TRANSFER_TILE = "<results>/transfer/{attack}/{a}x{b}.zarr"
ACTIVATIONS_TILE = "<results>/similarity/activations/{stimuli}/{a}x{b}.zarr"
INVERTED_TILE = "<results>/similarity/inverted/{inversion}/{a}x{b}.zarr"


def members_transfer(wildcards):
    work = code("cross_evaluate")
    needed = {
        model: fingerprint.of(
            [work, made_model(model), made_adversarial(wildcards.attack, model)]
        )
        for model in tile_models(wildcards)
    }
    return covered(TRANSFER_TILE.format(**wildcards), needed)


def comparison_settings():
    similarity = config["similarity"]
    return {key: similarity[key] for key in ("measures", "minibatch", "bandwidth")}


def members_activations(wildcards):
    work = [
        code("compare_activations"),
        comparison_settings(),
        config["similarity"]["layer_measures"],
    ]
    needed = {
        model: fingerprint.of([work, made_activations(model, wildcards.stimuli)])
        for model in tile_models(wildcards)
    }
    return covered(ACTIVATIONS_TILE.format(**wildcards), needed)


def members_inverted(wildcards):
    work = [code("compare_inverted"), comparison_settings()]
    needed = {
        model: fingerprint.of(
            [work, made_model(model), made_inverted(wildcards.inversion, model)]
        )
        for model in tile_models(wildcards)
    }
    return covered(INVERTED_TILE.format(**wildcards), needed)


def made_models_table():
    attacked = [
        made_adversarial(attack, model) for attack in ATTACKS for model in MODELS
    ]
    return fingerprint.of(
        [
            MODELS,
            [made_model(model) for model in MODELS],
            attacked,
            code("collect_models"),
        ]
    )


def made_cka_table():
    natural = [made_activations(model, "natural") for model in MODELS]
    inverted = [
        made_inverted(inversion, model) for inversion in INVERSIONS for model in MODELS
    ]
    comparisons = [
        code("compare_activations"),
        code("compare_inverted"),
        comparison_settings(),
    ]
    return fingerprint.of([MODELS, natural, inverted, comparisons, code("collect_cka")])


def made_layers_table():
    observed = [made_activations(model, "natural") for model in MODELS]
    measures = config["similarity"]["layer_measures"]
    comparisons = [code("compare_activations"), comparison_settings(), measures]
    return fingerprint.of(
        [MODELS, LAYER_PAIRS, observed, comparisons, code("collect_layers")]
    )


def made_transfer_tables():
    attacked = [
        made_adversarial(attack, model) for attack in ATTACKS for model in MODELS
    ]
    floor = config["transfer"]["floor"]
    return fingerprint.of(
        [MODELS, attacked, floor, code("cross_evaluate"), code("collect_transfer")]
    )


def made_gallery():
    if not GALLERY["models"]:
        return ""
    inverted = [
        made_inverted(GALLERY["inversion"], model) for model in GALLERY["models"]
    ]
    return fingerprint.of([GALLERY, inverted, code("collect_gallery")])
