"""The configuration: defaults, sentences about mistakes, duplicate keys."""
# ruff: noqa: E501 (the table of mistakes has one mistake a line)

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from kindred.config import reference
from kindred.config.entries import channels, layer_choice, model_entry, named_layers, seed_of, training_images
from kindred.config.reading import check
from kindred.workflow.errors import BadInput

ROOT = Path(__file__).parents[1]
DEFAULT = ROOT / "config.yaml"
SCHEMA = reference.json_schema()
DROP = object()
JARGON = ("schema", "instance", "property", "properties", "Traceback", "is not of type", "$", "regex", "None", "True")

STUDY = """
images: { evaluation: 200 }
trainings:
  standard: { method: standard, epochs: 4 }
  robust: { method: pgd, norm: linf, eps: 0.1, steps: 3, clean_epochs: 1, ramp_epochs: 1, epochs: 6 }
models:
  resnet-std: { architecture: test_resnet, training: standard }
  resnet-rob: { architecture: test_resnet, training: robust, seed: 1, adjust: { epochs: 8, eps: 0.2 } }
  elsewhere:
    architecture: test_vit
    weights: checkpoints/vit.pt
    trained: { training: madry, norm: l2, eps: 3 }
attacks:
  pgd: { norm: linf, eps: 0.1, steps: 5 }
inversions:
  jones: { images: 100, steps: 10 }
similarity:
  measures: [cka_debiased, cka_minibatch]
  minibatch: { size: 50 }
  layer_pairs: [[resnet-rob, resnet-std]]
figures:
  similarity: { inversion: jones }
  layers: { panels: [[resnet-std, resnet-rob]] }
  transfer: { attack: pgd }
  gallery: { inversion: jones, models: [resnet-std] }
"""


def study() -> dict[str, Any]:
    return yaml.safe_load(STUDY)


def changed(*edits: tuple[str, Any]) -> dict[str, Any]:
    """The study with values put at paths (keys joined by /); DROP takes the key away."""
    config = study()
    for path, value in edits:
        *above, last = path.split("/")
        place = config
        for key in above:
            place = place.setdefault(key, {})
        if value is DROP:
            del place[last]
        else:
            place[last] = value
    return config


def sentence(config: Any, files: tuple[Path, ...] = ()) -> str:
    with pytest.raises(BadInput) as caught:
        check(config, files)
    return str(caught.value)


def test_one_mistake_is_told_once() -> None:
    """More evaluation images than there are leave no training images, of which nothing more needs to be said."""
    told = sentence(changed(("images/evaluation", 5000)))
    assert told.startswith("images.evaluation is 5000, but must be at most 1,697") and "batch" not in told
    assert "mistakes" not in told


def first(text: str) -> str:
    """The first mistake of a message."""
    return text.split("\n  - ")[1] if " mistakes:" in text else text


# (the key as the message must name it, a fragment of the sentence, edits of the study)
WRONG: list[tuple[str, str, list[tuple[str, Any]]]] = [
    # keys
    ("device", "is 'gpu', but must be auto, cpu, cuda or mps", [("device", "gpu")]),
    ("device", "did you mean cuda?", [("device", "CUDA")]),
    ("atacks", "did you mean attacks?", [("atacks", {})]),
    ("colour", "its keys are device, memory, pathvars, images", [("colour", 1)]),
    ("models.resnet-std.traning", "did you mean training?", [("models/resnet-std/traning", "standard")]),
    ("images.sise", "did you mean size?", [("images/sise", 32)]),
    ("pathvars.result", "did you mean results?", [("pathvars/result", "/scratch")]),
    ("similarity.minibatch.pases", "did you mean passes?", [("similarity/minibatch", {"pases": 1})]),
    ("The configuration", "has no models, which must be a map of at least one model", [("models", DROP)]),
    ("The configuration", "has no models", [("models", None)]),
    ("models", "is empty, but must be a map of at least one model", [("models", {})]),
    ("models.resnet-std", "is empty, but must be a map with an architecture and either", [("models/resnet-std", None)]),
    ("attacks.pgd", "is 0.1, but must be a map of keys such as norm, eps and steps", [("attacks/pgd", 0.1)]),
    ("figures.gallery", "is true, but must be false or a map of settings", [("figures/gallery", True)]),
    ("cianfarani", "is now called layerwise", [("cianfarani", {})]),
    # names
    ("models", "has the name 'res net'", [("models/res net", {"architecture": "x", "training": "standard"})]),
    ("attacks", "has the name 'pgd@2', but a name must begin", [("attacks/pgd@2", {})]),
    ("inversions", "has the name '.jones'", [("inversions/.jones", {})]),
    ("models", "'resnet-std' and 'ResNet-std'", [("models/ResNet-std", {"architecture": "x", "training": "standard"})]),
    ("inversions.PGD", "has the name of an attack", [("inversions/PGD", {})]),
    ("attacks.natural", "must have another name", [("attacks/natural", {"norm": "l2", "eps": 1, "steps": 1})]),
    ("attacks.Strongest", "'strongest' stands for all attacks together", [("attacks/Strongest", {"norm": "l2", "eps": 1, "steps": 1})]),
    ("transfer.shuffles", "is 3, but must be at most 2: attacks.pgd changes 6 images", [("transfer/shuffles", 3), ("attacks/pgd/images", 6)]),
    ("inversions.Natural", "must have another name", [("inversions/Natural", {})]),
    ("models", "has the key 18", [("models", {18: {"architecture": "x", "training": "standard"}})]),
    ("trainings", "has the key false", [("trainings", {False: {"method": "standard", "epochs": 1}})]),
    ("models", r"has the key 'a\n'", [("models/a\n", {"architecture": "x", "training": "standard"})]),
    # numbers
    ("trainings.robust.eps", "is 'abc', but must be a number above 0 (pixels in [0, 1]).", [("trainings/robust/eps", "abc")]),
    ("trainings.robust.eps", "is 0, but must be a number above 0", [("trainings/robust/eps", 0)]),
    ("trainings.robust.eps", "is 8, but must be at most 1 in linf (pixels in [0, 1]; 8/255 is 0.0314)", [("trainings/robust/eps", 8)]),
    ("trainings.robust.eps", "is 1.001, but must be at most 1 in linf", [("trainings/robust/eps", 1.001)]),
    ("trainings.robust.eps", "is true, but", [("trainings/robust/eps", True)]),
    ("attacks.pgd.eps", "(pixels in [0, 1]).", [("attacks/pgd/eps", "1e999999999")]),
    ("attacks.pgd.steps", "is '20', but must be a whole number of at least 1.", [("attacks/pgd/steps", "20")]),
    ("attacks.pgd.eps", "is .nan, but numbers must be finite", [("attacks/pgd/eps", float("nan"))]),
    ("transfer.floor", "is .inf, but numbers must be finite", [("transfer/floor", float("inf"))]),
    ("figures.dpi", "numbers must be finite and of size 10^18 at most", [("figures/dpi", 10**400)]),
    ("transfer.floor", "is 0, but must be a number above 0 and below 100 (percent)", [("transfer/floor", 0)]),
    ("attacks.pgd.eps", "is -0.1, but must be a number of at least 0", [("attacks/pgd/eps", -0.1)]),
    ("attacks.pgd.eps", "is 16, but must be at most 1 in linf", [("attacks/pgd/eps", 16)]),
    ("attacks.pgd.step_size", "is 2, but must be at most 1 in linf (pixels in [0, 1]; 2/255 is 0.0078)", [("attacks/pgd/step_size", 2)]),
    ("attacks.pgd.steps", "is 0, but must be a whole number of at least 1.", [("attacks/pgd/steps", 0)]),
    ("attacks.pgd.steps", "is 2.5, but must be a whole number", [("attacks/pgd/steps", 2.5)]),
    ("attacks.pgd.step_size", "is 0, but must be a number above 0 (pixels in [0, 1]) or null", [("attacks/pgd/step_size", 0)]),
    ("attacks.pgd.random_start", "is 'ja', but must be true or false", [("attacks/pgd/random_start", "ja")]),
    ("attacks.pgd.restarts", "is 3, but must be 1 where random_start is false", [("attacks/pgd/restarts", 3), ("attacks/pgd/random_start", False)]),
    ("attacks.pgd.loss", "is 'ce', but must be cross_entropy or margin", [("attacks/pgd/loss", "ce")]),
    ("attacks.pgd.norm", "did you mean linf?", [("attacks/pgd/norm", "L_inf")]),
    ("inversions.jones.momentum", "is 1, but must be a number of at least 0 and below 1", [("inversions/jones/momentum", 1)]),
    ("inversions.jones.chunk", "is 0, but must be a whole number of at least 1", [("inversions/jones/chunk", 0)]),
    ("models.resnet-std.seed", "is -1, but must be a whole number between 0 and 4,294,967,295", [("models/resnet-std/seed", -1)]),
    ("figures.dpi", "is 20, but must be a whole number between 50 and 1,200 (dots per inch)", [("figures/dpi", 20)]),
    ("similarity.bandwidth", "is 0, but must be a number above 0", [("similarity/bandwidth", 0)]),
    ("similarity.groups", "is 0, but must be a whole number of at least 1", [("similarity/groups", 0)]),
    # models
    ("models.m.architecture", "is torchvision:googlenet, whose released weights need `arguments: { transform_input: true }`", [("models/m", {"architecture": "torchvision:googlenet", "weights": "x.pth"})]),
    ("models.m.output", "is -1, but must be a key, an attribute, or a number from 0.", [("models/m", {"architecture": "resnet18", "weights": "x.pth", "output": -1})]),
    # images
    ("images.source", "is 'imagenet', but must be digits, folder, table", [("images/source", "imagenet")]),
    ("images.source", "did you mean digits?", [("images/source", "digit")]),
    ("images.evaluation", "is 1700, but must be at most 1,697: digits holds 1,797 images", [("images/evaluation", 1700)]),
    ("images.evaluation", "is 3, but must be a whole number of at least 10", [("images/evaluation", 3)]),
    ("images.mean", "is [0.1, 0.2, 0.3], but must hold 1 number, one per channel of digits", [("images/mean", [0.1, 0.2, 0.3])]),
    ("images.mean[0]", "is 123.7, but must be a number between 0 and 1", [("images/mean", [123.7])]),
    ("images.mean", "is 0.3, but must be a list of one number per channel", [("images/mean", 0.3)]),
    ("images.std[0]", "is 0, but must be a number above 0 and at most 1", [("images/std", [0])]),
    ("images.std", "is empty, but must be a list", [("images/std", [])]),
    # trainings
    ("trainings.standard.eps", "is not a key of a training of method standard; its keys are method, epochs", [("trainings/standard/eps", 0.1)]),
    ("trainings.standard.method", "is 'Pgd', but must be standard, pgd, fast, trades or spatial; did you mean pgd?", [("trainings/standard/method", "Pgd")]),
    ("trainings.robust", "has no method, which must be standard, pgd, fast, trades or spatial", [("trainings/robust/method", DROP)]),
    ("trainings.robust", "has eps 0.1 but no norm, which must be linf, l2 or jpeg", [("trainings/robust/norm", DROP)]),
    ("trainings.robust", "has norm 'linf' but no eps, which must be a number above 0", [("trainings/robust/eps", DROP)]),
    ("trainings.robust.ramp_epochs", "is 9, but of 6 epochs clean_epochs (1) and ramp_epochs (9) must leave", [("trainings/robust/ramp_epochs", 9)]),
    ("trainings.robust.clean_epochs", "is 6, but of 6 epochs", [("trainings/robust/clean_epochs", 6), ("trainings/robust/ramp_epochs", 0)]),
    ("trainings.standard.batch", "is 1598, but must be at most 1,597: the images left for training", [("trainings/standard/batch", 1598)]),
    ("trainings.standard.clip", "is 0, but must be a number above 0", [("trainings/standard/clip", 0)]),
    # models
    ("models.resnet-std", "has neither training nor weights", [("models/resnet-std/training", DROP)]),
    ("models.resnet-std", "has training 'standard' and weights 'w.pt'", [("models/resnet-std/weights", "w.pt")]),
    ("models.resnet-std", "has no architecture, which must be the name of an architecture", [("models/resnet-std/architecture", DROP)]),
    ("models.elsewhere.adjust", "is not a key of an imported model", [("models/elsewhere/adjust", {})]),
    ("models.resnet-std.sha256", "is not a key of a model trained here", [("models/resnet-std/sha256", None)]),
    ("models.resnet-std.training", "names 'standrad', which is not a training; did you mean 'standard'?", [("models/resnet-std/training", "standrad")]),
    ("models.resnet-std.training", "there are standard and robust.", [("models/resnet-std/training", "trades")]),
    ("models.resnet-rob.adjust.epochs", "is 'many', but must be a whole number of at least 1", [("models/resnet-rob/adjust/epochs", "many")]),
    ("models.resnet-rob.adjust.method", "'robust' is a training of method pgd, of which only", [("models/resnet-rob/adjust/method", "standard")]),
    ("models.resnet-rob.adjust", "makes a training whose ramp_epochs is 1, but of 2 epochs", [("models/resnet-rob/adjust/epochs", 2)]),
    ("models.resnet-rob.adjust.eps", "is 4, but must be at most 1 in linf", [("models/resnet-rob/adjust/eps", 4)]),
    ("models.resnet-rob.adjust", "makes a training whose eps is 3, but must be at most 1 in linf", [("trainings/robust/norm", "l2"), ("trainings/robust/eps", 3), ("models/resnet-rob/adjust", {"norm": "linf"})]),
    ("models.resnet-rob.adjust.batch", "is 1700, but must be at most 1,597", [("models/resnet-rob/adjust/batch", 1700)]),
    ("models.resnet-std.adjust.eps", "'standard' is a training of method standard, of which only epochs, batch", [("models/resnet-std/adjust", {"eps": 0.1})]),
    ("models.resnet-std.layers", "is 'block', but must be penultimate, blocks, all, or a list", [("models/resnet-std/layers", "block")]),
    ("models.resnet-std.layers", "holds 'blocks' twice", [("models/resnet-std/layers", ["blocks", "blocks"])]),
    ("models.resnet-std.arguments.num_classes", "must be left out", [("models/resnet-std/arguments", {"num_classes": 3})]),
    ("models.resnet-std.arguments", "is 'x', but must be a map of keyword arguments", [("models/resnet-std/arguments", "x")]),
    ("models.elsewhere.weights", "is 'vit.onnx', but must be the path of a file that ends in", [("models/elsewhere/weights", "vit.onnx")]),
    ("models.elsewhere.sha256", "is 'abc', but must be 64 lower-case hexadecimal digits", [("models/elsewhere/sha256", "abc")]),
    ("models.elsewhere.mean", "std is missing", [("models/elsewhere/mean", [0.5])]),
    ("models.elsewhere.std", "mean is missing", [("models/elsewhere/std", [0.5])]),
    ("models.elsewhere.mean", "must hold 1 number", [("models/elsewhere/mean", [0.5, 0.5]), ("models/elsewhere/std", [0.5])]),
    ("models.elsewhere.std[0]", "is -1, but", [("models/elsewhere/mean", [0.5]), ("models/elsewhere/std", [-1])]),
    ("models.elsewhere.trained", "has norm l2 and eps 0", [("models/elsewhere/trained/eps", DROP)]),
    ("models.elsewhere.trained", "has norm null and eps 3", [("models/elsewhere/trained/norm", DROP)]),
    ("models.elsewhere.trained.eps", "must be at most 1 in linf", [("models/elsewhere/trained/norm", "linf")]),
    ("models.elsewhere.input_size", "is 4, but must be a whole number between 8 and 1,024", [("models/elsewhere/input_size", 4)]),
    ("trainings.robust.norm", "is now a method of its own: method: spatial", [("trainings/robust/norm", "spatial")]),
    # attacks and inversions
    ("attacks.pgd.norm", "is now a method of its own: method: spatial", [("attacks/pgd/norm", "spatial")]),
    ("attacks.pgd.norm", "is 'jpeg', but must be linf or l2", [("attacks/pgd/norm", "jpeg"), ("attacks/pgd/method", "apgd")]),
    ("attacks.pgd.momentum", "is 1, but must be left out where norm is jpeg", [("attacks/pgd/norm", "jpeg"), ("attacks/pgd/momentum", 1)]),
    ("attacks.pgd.diversity", "is 0.5, but must be left out where norm is jpeg", [("attacks/pgd/norm", "jpeg"), ("attacks/pgd/diversity", 0.5)]),
    ("attacks.pgd.smallest", "is 0, but must be a number above 0 and at most 1", [("attacks/pgd/smallest", 0)]),
    ("attacks.pgd.degrees", "is 200, but must be a number between 0 and 180 (degrees)", [("attacks/pgd", {"method": "spatial", "shift": 1, "tries": 1, "degrees": 200})]),
    ("attacks.pgd", "has eps 0.1 but no norm", [("attacks/pgd/norm", DROP)]),
    ("attacks.pgd", "has norm 'linf' but no eps", [("attacks/pgd/eps", DROP)]),
    ("attacks.pgd.images", "is 201, but must be at most 200: images.evaluation", [("attacks/pgd/images", 201)]),
    ("inversions.jones.images", "is 201, but must be at most 200: images.evaluation", [("inversions/jones/images", 201)]),
    ("inversions.jones.images", "is 3, but must be a whole number of at least 4", [("inversions/jones/images", 3)]),
    # similarity
    ("similarity.measures[0]", "is 'cka', but must be cka_debiased, cka_biased, cka_minibatch, cka_rbf, stir or", [("similarity/measures", ["cka"])]),
    ("similarity.measures", "names 'no.py:overlap', but the file does not exist in '", [("similarity/measures", ["cka_debiased", "no.py:overlap"])]),
    ("similarity.measures", "must also hold a measure of natural images", [("similarity/measures", ["stir", "stir_biased"])]),
    ("similarity.layer_measures[0]", "is 'stir', but must be cka_debiased, cka_biased, cka", [("similarity/layer_measures", ["stir"])]),
    ("inversions.jones.converged", "is 0, but must be a number above 0", [("inversions/jones/converged", 0)]),
    ("inversions.jones.leave_out", "is 'some', but must be true or false", [("inversions/jones/leave_out", "some")]),
    ("similarity.measures", "is empty, but must be a list of at least one", [("similarity/measures", [])]),
    ("similarity.measures", "holds 'cka_rbf' twice", [("similarity/measures", ["cka_rbf", "cka_rbf"])]),
    ("similarity.minibatch.size", "is 3, but must be a whole number of at least 4", [("similarity/minibatch", {"size": 3})]),
    ("images.evaluation", "is 40, but must be at least 50: with images.choice balanced debiased measures need 5 images", [("images/evaluation", 40), ("inversions", {}), ("similarity/measures", ["cka_debiased"]), ("figures", {})]),
    ("inversions.jones.images", "is 30, but must be at least 50: with images.choice balanced", [("inversions/jones/images", 30), ("similarity/measures", ["cka_debiased"])]),
    ("similarity.minibatch.size", "is 200, but must be at most 199: one batch of all 200 (images.evaluation) is cka_debiased", [("similarity/minibatch", {"size": 200})]),
    ("similarity.minibatch.size", "is 100, but must be at most 99: one batch of all 100 (the images of inversions.jones)", [("similarity/minibatch", {"size": 100})]),
    ("similarity.layer_pairs", "is 'some', but must be all or a list of pairs of models", [("similarity/layer_pairs", "some")]),
    ("similarity.layer_pairs[0]", "is ['resnet-std'], but must be a pair of models", [("similarity/layer_pairs", [["resnet-std"]])]),
    ("similarity.layer_pairs", "names 'vgg', which is not a model", [("similarity/layer_pairs", [["resnet-std", "vgg"]])]),
    ("similarity.layer_pairs", "holds ['resnet-rob', 'resnet-std'] twice", [("similarity/layer_pairs", [["resnet-std", "resnet-rob"], ["resnet-rob", "resnet-std"]])]),
    # figures
    ("figures.similarity.measure", "is 'cka_rbf', but must be in similarity.measures, which holds cka_debiased and", [("figures/similarity/measure", "cka_rbf")]),
    ("figures.layers.measure", "is 'cka_minibatch', but must be in similarity.layer_measures", [("figures/layers/measure", "cka_minibatch")]),
    ("figures.similarity.inversion", "names 'jonse', which is not an inversion; did you mean 'jones'?", [("figures/similarity/inversion", "jonse")]),
    ("figures.transfer.attack", "names 'fgsm', which is not an attack; there is pgd.", [("figures/transfer/attack", "fgsm")]),
    ("figures.transfer.attack", "there is none.", [("attacks", {})]),
    ("figures.gallery.inversion", "names 'x', which is not an inversion", [("figures/gallery/inversion", "x")]),
    ("figures.gallery.models", "names 'resnet-stn', which is not a model; did you mean 'resnet-std'?", [("figures/gallery/models", ["resnet-stn"])]),
    ("figures.gallery.models", "holds 'resnet-std' twice", [("figures/gallery/models", ["resnet-std", "resnet-std"])]),
    ("figures.gallery.examples", "is 101, but must be at most 100: the images of inversions.jones", [("figures/gallery/examples", 101)]),
    ("figures.gallery.examples", "is 201, but must be at most 200: the images of inversions.jones", [("figures/gallery/examples", 201), ("inversions/jones/images", None)]),
    ("figures.gallery.models", "did you mean 'ViT'?", [("figures/gallery/models", ["vit"]), ("models/ViT", {"architecture": "x", "training": "standard"})]),
    ("figures.layers.panels", "names 'vgg', which is not a model", [("figures/layers/panels", [["resnet-std", "vgg"]])]),
    ("figures.layers.panels", "is empty, but must be a list of at least one pair", [("figures/layers/panels", [])]),
]  # fmt: skip


def test_a_mistake_is_one_message_that_names_its_key() -> None:
    wrong = []
    for key, fragment, edits in WRONG:
        try:
            check(changed(*edits))
        except BadInput as error:
            text = first(str(error))
            jargon = [word for word in JARGON if word in text]
            if not text.startswith(f"{key} ") or fragment not in text or text[-1] not in ".?" or "\n" in text or jargon:
                wrong.append(f"{key}: {fragment!r} is not what was told: {text}")
        else:
            wrong.append(f"{key}: {fragment!r} was accepted")
    assert not wrong, "\n".join(wrong)


def test_the_study_itself_is_right() -> None:
    check(study())
    assert len(WRONG) >= 40


@pytest.mark.parametrize("config", [None, [], "models"])
def test_no_map_at_all(config: Any) -> None:
    assert "must be a map with at least the key models" in sentence(config)


def test_an_alias_within_itself() -> None:
    config = yaml.safe_load("models: {}\nattacks: &a { b: *a }")
    assert "nested more than" in sentence(config)


def test_a_file_with_an_alias_within_itself(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text("attacks: &a { b: *a }\n")
    check(study(), (file,))  # only that it comes to an end


def test_aliases_that_multiply_are_refused_at_once() -> None:
    """Nine lists of nine aliases of the one before, a billion laughs."""
    laughs: Any = ["x"] * 9
    for _ in range(9):
        laughs = [laughs] * 9
    with pytest.raises(BadInput, match=r"stands for 3.9e\+09 values, and at most 1,000,000 are read"):
        check({**study(), "models": laughs})
    itself: list[Any] = []
    itself.append(itself)
    with pytest.raises(BadInput, match="nested more than 20 deep"):
        check({**study(), "models": itself})


def test_whatever_is_written_only_messages_come_out() -> None:
    """Every value of the study replaced by, and every map given, things that do not belong there."""
    junk: list[Any] = [None, -1, "é\n", [], [None, {}], {"a": []}, {1: 2}]
    refused = 0
    for path in paths(study()):
        for thing in junk:
            config = study()
            *above, last = path
            place: Any = config
            for key in above:
                place = place[key]
            place[last] = thing
            try:
                check(config)
            except BadInput as error:
                refused += 1
                assert str(error)[-1] in ".?" and "\n" not in first(str(error)), error
    assert refused > 300


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return ([at] if at else []) + [path for key, item in items for path in paths(item, (*at, key))]


def test_a_misspelling_is_told_before_what_it_leaves_missing() -> None:
    config = changed(("attacks/pgd/eps", DROP), ("attacks/pgd/epss", 0.1))
    assert sentence(config) == "attacks.pgd.epss is not a key of an attack; did you mean eps?"


# ---- what is right ----


def test_several_mistakes_are_told_at_once() -> None:
    told = sentence(changed(("images/sise", 32), ("attacks/pgd/steps", 0), ("device", "gpu")))
    assert told.startswith("3 mistakes:\n  - images.sise is not a key of")
    assert "\n  - attacks.pgd.steps is 0" in told and "\n  - device is 'gpu'" in told
    many = changed(*((f"attacks/a{i}", {"norm": "linf", "eps": -1, "steps": 1}) for i in range(20)))
    assert sentence(many).endswith("... and 12 more.")


def test_fractions_are_numbers() -> None:
    config = check(
        changed(("attacks/pgd/eps", "8/255"), ("trainings/standard/lr", "1e-3"), ("trainings/robust/eps", " 4 / 255 "))
    )
    assert config["attacks"]["pgd"]["eps"] == 8 / 255
    assert config["trainings"]["standard"]["lr"] == 0.001
    assert config["trainings"]["robust"]["eps"] == 4 / 255
    for wrong in ("8/0", "8/255/2", "eight", "nan", "1e999/1e999"):
        assert sentence(changed(("attacks/pgd/eps", wrong))).startswith("attacks.pgd.eps is")


def test_defaults_are_filled_in_everywhere() -> None:
    config = check(study())
    assert config["device"] == "auto"
    assert config["images"] == {
        "source": "digits", "size": 32, "evaluation": 200, "seed": 0, "mean": [0.3], "std": [0.35], "channels": None,
        "choice": "balanced", "broken": 0,
    }  # fmt: skip
    assert config["trainings"]["standard"] == {
        "method": "standard", "epochs": 4, "batch": 64, "lr": 0.002, "weight_decay": 0.01, "clip": 1.0
    }  # fmt: skip
    assert config["trainings"]["robust"]["step_size"] is None
    assert config["models"]["resnet-std"] == {
        "architecture": "test_resnet", "training": "standard", "arguments": {}, "layers": None, "output": None, "seed": None, "adjust": {}
    }  # fmt: skip
    assert config["models"]["resnet-rob"]["adjust"] == {"epochs": 8, "eps": 0.2}  # nothing added here
    assert config["models"]["elsewhere"] == {
        "architecture": "test_vit", "weights": "checkpoints/vit.pt", "arguments": {}, "layers": None, "output": None, "sha256": None,
        "mean": None, "std": None, "input_size": None, "value_range": None, "trust_pickle": None, "accuracy": None,
        "weights_key": None, "rename": {}, "classes": None, "trained": {"training": "madry", "norm": "l2", "eps": 3.0, "seed": 0},
    }  # fmt: skip
    assert config["attacks"]["pgd"] == {
        "method": "pgd", "norm": "linf", "eps": 0.1, "steps": 5, "step_size": None, "random_start": True, "restarts": 1,
        "loss": "cross_entropy", "momentum": 0, "diversity": 0, "smallest": 0.9, "images": None, "seed": 0,
        "precision": "float32",
    }  # fmt: skip
    assert config["inversions"]["jones"] == {
        "steps": 10, "step_size": 0.125, "momentum": 0.9, "images": 100, "pairings": 1, "seed": 0,
        "chunk": 64,
        "converged": 0.1, "leave_out": False, "precision": "float32",
    }  # fmt: skip
    assert config["activations"] == {"layers": ["blocks", "penultimate"]}
    assert config["similarity"]["minibatch"] == {"size": 50, "passes": 3, "seed": 0}
    assert config["transfer"] == {"floor": 0.01, "shuffles": 1}
    assert config["figures"]["similarity"] == {"measure": None, "inversion": "jones", "unconverged": 0.5}
    assert config["figures"]["gallery"]["examples"] == 4


def test_the_least_that_can_be_said() -> None:
    config = check(
        {"models": {"a": {"architecture": "x", "weights": "a.safetensors"}}, "attacks": None, "figures": None}
    )
    assert config["attacks"] == config["inversions"] == config["trainings"] == {}
    assert (config["figures"]["dpi"], config["figures"]["font_size"]) == (200, 8)
    assert config["figures"]["layers"] == {"measure": None, "panels": None}
    assert not config["pathvars"]


def test_a_figure_is_switched_off() -> None:
    config = check(changed(("figures/layers", False), ("figures/transfer", None)))
    assert config["figures"]["layers"] is config["figures"]["transfer"] is False


def test_checking_twice_changes_nothing() -> None:
    once = check(study())
    assert check(once) == once


def test_the_input_is_left_alone_and_nothing_is_shared() -> None:
    given = study()
    before = copy.deepcopy(given)
    config = check(given)
    config["models"]["resnet-rob"]["adjust"]["epochs"] = 99
    config["figures"]["gallery"]["models"].append("x")
    assert given == before
    assert check(study())["images"]["mean"] is not check(study())["images"]["mean"]


def test_aliased_entries_are_separate_afterwards() -> None:
    config = check(
        yaml.safe_load("""
        trainings: { t: &t { method: standard, epochs: 1 }, u: *t }
        models: { a: { architecture: x, training: t } }
    """)
    )
    assert config["trainings"]["t"] is not config["trainings"]["u"]


def test_numbers_have_the_type_of_their_key() -> None:
    config = check(changed(("attacks/pgd/steps", 2.0e1), ("attacks/pgd/eps", 1)))
    assert repr(config["attacks"]["pgd"]["steps"]) == "20"
    assert repr(config["attacks"]["pgd"]["eps"]) == "1.0"
    assert config["attacks"]["pgd"]["random_start"] is True


def test_limits_themselves_are_allowed() -> None:
    check(changed(
        ("images/evaluation", 1697), ("trainings/standard/batch", 100), ("attacks/pgd/eps", 0), ("trainings/robust/eps", 1),
        ("attacks/pgd/images", 1697), ("figures/gallery/examples", 100), ("trainings/robust/ramp_epochs", 4),
        ("inversions/jones/images", 100), ("attacks/pgd/momentum", 1),
    ))  # fmt: skip
    check(changed(("inversions/jones/images", None), ("figures/gallery/examples", 200)))
    check(changed(("attacks/pgd", {"norm": "l2", "eps": 3, "steps": 1})))  # only linf ends at 1
    # Without cka_minibatch its batch is nobody's concern.
    check(changed(("similarity/measures", ["cka_debiased"]), ("similarity/minibatch", {"size": 1000})))


def test_model_entry_of_a_model_trained_here() -> None:
    config = check(study())
    entry = model_entry(config, "resnet-rob")
    assert "adjust" not in entry
    assert entry["recipe"] == {
        "method": "pgd", "norm": "linf", "eps": 0.2, "steps": 3, "step_size": None, "clean_epochs": 1,
        "ramp_epochs": 1, "epochs": 8, "batch": 64, "lr": 0.002, "weight_decay": 0.01, "clip": 1.0,
    }  # fmt: skip
    assert entry["trained"] == {"training": "robust", "norm": "linf", "eps": 0.2, "seed": 1}
    standard = model_entry(config, "resnet-std")
    assert "eps" not in standard["recipe"]
    assert standard["trained"] == {"training": "standard", "norm": None, "eps": 0, "seed": seed_of("resnet-std")}
    entry["recipe"]["eps"] = 1
    assert config["trainings"]["robust"]["eps"] == 0.1
    assert config["models"]["resnet-rob"]["adjust"] == {"epochs": 8, "eps": 0.2}


def test_model_entry_of_an_imported_model() -> None:
    entry = model_entry(check(changed(("images/size", 16), ("images/mean", [0.25]))), "elsewhere")
    assert (entry["mean"], entry["std"], entry["input_size"]) == ([0.25], [0.35], 16)
    assert entry["trained"] == {"training": "madry", "norm": "l2", "eps": 3, "seed": 0}
    assert "recipe" not in entry and "training" not in entry
    own = changed(
        ("models/elsewhere/mean", [0.5]), ("models/elsewhere/std", [0.5]), ("models/elsewhere/input_size", 224)
    )
    entry = model_entry(check(own), "elsewhere")
    assert (entry["mean"], entry["std"], entry["input_size"]) == ([0.5], [0.5], 224)


def test_model_entry_of_nothing() -> None:
    with pytest.raises(BadInput, match=r"'resnet-stb' is not a model; did you mean 'resnet-std'\?"):
        model_entry(check(study()), "resnet-stb")


def test_named_layers() -> None:
    assert named_layers(check(study())) == {}
    config = check(changed(
        ("models/resnet-std/layers", ["blocks", "stages.0", "penultimate", "stem"]), ("models/resnet-rob/layers", "all")
    ))  # fmt: skip
    assert named_layers(config) == {"resnet-std": ["stages.0", "stem"]}
    assert layer_choice(config, "resnet-rob") == "all"
    assert layer_choice(config, "elsewhere") == ["blocks", "penultimate"]
    everywhere = check(changed(("activations/layers", ["stem"]), ("models/resnet-rob/layers", ["penultimate"])))
    assert named_layers(everywhere) == {"resnet-std": ["stem"], "elsewhere": ["stem"]}


def test_what_the_source_holds() -> None:
    config = check(study())
    assert (channels(config), training_images(config)) == (1, 1597)


FOLDER = [
    ("images/source", "folder"),
    ("images/folder", "val"),
    ("images/training", 100),
    ("images/evaluation", 60_000),
    ("images/mean", [0.5] * 3),
    ("images/std", [0.5] * 3),
]


def test_folders_of_photographs() -> None:
    config = check(changed(*FOLDER))
    assert (channels(config), training_images(config)) == (3, 100)
    assert config["images"]["training_folder"] is None
    assert sentence(changed(*FOLDER, ("images/folder", DROP))) == (
        "images has no folder, which must be the path of a folder."
    )
    assert "images.training is missing" in sentence(changed(*FOLDER, ("images/training", DROP)))
    assert "images.training is not a key of images of the source digits" in sentence(changed(("images/training", 100)))
    assert "batch is 200, but must be at most 100" in sentence(changed(*FOLDER, ("trainings/standard/batch", 200)))


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("def overlap(x, y):\n    return 0.0\n", None),
        ("from numpy import dot as overlap\n", None),
        ("overlap = max\n", None),
        ("raise RuntimeError  # is not run\n\ndef overlap(x, y): ...\n", None),
        ("class Measures:\n    def overlap(self): ...\n\nprint(overlap)\n", "the file defines no function 'overlap'."),
        ("def overlap(:\n", "the file cannot be read as Python (invalid syntax"),
    ],
)
def test_own_measures_are_looked_up(
    code: str, told: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # which paths are relative to
    Path("own").mkdir()
    Path("own/mine.py").write_text(code)
    config = changed(("similarity/measures", ["cka_debiased", "own/mine.py:overlap"]))
    if told is None:
        assert check(config)["similarity"]["measures"] == ["cka_debiased", "own/mine.py:overlap"]
    else:
        assert sentence(config).startswith(f"similarity.measures names 'own/mine.py:overlap', but {told}")


def test_several_unknown_names_are_told_at_once() -> None:
    told = sentence(changed(("figures/transfer/attack", "fgsm"), ("models/resnet-std/training", "standrad")))
    assert told == (
        "2 mistakes:\n  - models.resnet-std.training names 'standrad', which is not a training; did you mean 'standard'?"
        "\n  - figures.transfer.attack names 'fgsm', which is not an attack; there is pgd."
    )


# ---- duplicate keys ----


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\nb: 2\na: 3\n", "a stands twice in '{}', in lines 1 and 3; keep one."),
        ("models:\n  x: { s: 1 }\n  y: {}\n  x: {}\n", "models.x stands twice in '{}', in lines 2 and 4"),
        ("m: { x: { s: 1, t: 2, s: 1 } }\n", "m.x.s stands twice in '{}', in lines 1 and 1"),
        ("m:\n  - {}\n  - a: 1\n    'a': 2\n", "m[1].a stands twice in '{}', in lines 3 and 4"),
        ("m: &m { a: 1, a: 2 }\nn: { <<: *m }\n", "m.a stands twice"),
        ("m: [\n", "is not YAML in line 2"),
        ("m: {{ wild }}\nx: 'unfinished\n", "is not YAML"),
    ],
)
def test_duplicates_are_found(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(text)
    assert told.format(file) in sentence(study(), (file,))


def test_what_is_no_duplicate(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(
        "a: &a { x: 1 }\nb: &b { y: 1 }\nc: { <<: *a, x: 2 }\nd: { <<: [*a, *b] }\ne:\n  <<: *a\n  <<: *b\nf: *a\n"
    )
    check(study(), [file, str(file)])
    file.write_text("")
    check(study(), [file])
    tabbed = tmp_path / "study.json"
    tabbed.write_text(json.dumps({"a": {"b": 1}}, indent="\t"))
    check(study(), [tabbed])


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert "cannot be read: No such file" in sentence(study(), (tmp_path / "none.yaml",))
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"a: \xff\xfe")
    assert "cannot be read: not UTF-8" in sentence(study(), (binary,))


# ---- the default study, the schema, the import ----


def test_the_default_study_passes() -> None:
    given = yaml.safe_load(DEFAULT.read_text())
    config = check(given, [DEFAULT])
    assert all(model_entry(config, name)["architecture"] for name in config["models"])


def test_schema_and_reference_page_are_what_the_settings_classes_declare() -> None:
    for path, text in ((reference.SCHEMA_FILE, reference.schema_text()), (reference.PAGE_FILE, reference.page())):
        assert (ROOT / path).read_text() == text, f"{path} has drifted: run `make reference`"


def test_the_schema_accepts_the_studies_and_refuses_what_is_wrong() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    validator = Draft202012Validator(json.loads(reference.schema_text()))
    for path in [DEFAULT, *(ROOT / "studies").glob("*.yaml")]:
        assert not [error.message for error in validator.iter_errors(yaml.safe_load(path.read_text()))], path
    for edit in (("images/sise", 32), ("attacks/pgd/steps", 0), ("device", "gpu"), ("models/resnet-std/nonsense", 1)):
        assert list(validator.iter_errors(changed(edit))), edit


def test_every_key_is_described_and_every_map_is_closed() -> None:
    wrong = []
    for name, node in [("the configuration", SCHEMA), *SCHEMA["$defs"].items()]:
        if "properties" not in node:
            continue
        if node.get("additionalProperties") is not False and not name.startswith("Any"):
            wrong.append(f"{name} is not closed")
        wrong += [
            f"{name}.{key} has no description of one or more sentences"
            for key, entry in node["properties"].items()
            if "$ref" not in entry and not entry.get("description", "").endswith(".")
        ]
    assert len(SCHEMA["$defs"]) > 30 and not wrong, "\n".join(wrong)


def test_importing_and_checking_is_light() -> None:
    code = (
        "import sys, yaml; from pathlib import Path; from kindred.config.reading import check;"
        f"check(yaml.safe_load(Path({str(DEFAULT)!r}).read_text()), [Path({str(DEFAULT)!r})]);"
        "print([m for m in ('torch', 'numpy', 'pandas', 'sklearn', 'timm', 'scipy') if m in sys.modules])"
    )
    paths = {"PYTHONPATH": str(ROOT / "scripts")}
    done = subprocess.run([sys.executable, "-c", code], env=paths, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
