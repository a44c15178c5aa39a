"""The classifier and its weights on disk."""

import argparse
import dataclasses
import json
import os
import pickle

import numpy as np
import pytest
import safetensors.torch
import torch
import torch.nn.functional as F
from kindred import models, statedicts
from kindred.errors import BadInput
from torch import nn

TOLD = models.Description(
    architecture="test_resnet",
    classes=10,
    channels=1,
    size=32,
    input_size=32,
    mean=(0.3,),
    std=(0.35,),
)


def described(**changes):
    return dataclasses.replace(TOLD, **changes)


@pytest.fixture(scope="module")
def trained():
    """A classifier whose buffers differ from those of a fresh one."""
    torch.manual_seed(0)
    classifier = models.assemble(TOLD)
    classifier(torch.rand(8, 1, 32, 32))
    return classifier.eval()


@pytest.fixture()
def state(trained):
    return {key: value.clone() for key, value in trained.net.state_dict().items()}


def refuse(state, net=None):
    """The sentence with which a state is refused."""
    net = net or models.assemble(TOLD).net
    before = {key: value.clone() for key, value in net.state_dict().items()}
    with pytest.raises(BadInput) as caught:
        models.load_state(net, state, "x.pt", architecture="test_resnet")
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items()), "loaded in part"
    return str(caught.value)


# --- the module


def test_normalises_by_channel():
    told = described(
        architecture="kindred_vgg", channels=3, mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 4.0), classes=4
    )
    classifier = models.Classifier(nn.Identity(), told)
    pixels = torch.rand(2, 3, 32, 32)
    expected = torch.stack([(pixels[:, i] - told.mean[i]) / told.std[i] for i in range(3)], dim=1)
    torch.testing.assert_close(classifier(pixels), expected)


def test_same_size_is_not_resized(monkeypatch):
    monkeypatch.setattr(F, "interpolate", None)
    pixels = torch.rand(2, 1, 32, 32)
    classifier = models.Classifier(nn.Identity(), described(mean=(0.0,), std=(1.0,)))
    assert torch.equal(classifier(pixels), pixels)


@pytest.mark.parametrize("side", [16, 24, 48])
def test_resizing_is_antialiased_and_differentiable(side):
    classifier = models.Classifier(nn.Identity(), described(input_size=side, mean=(0.0,), std=(1.0,)))
    pixels = torch.rand(2, 1, 32, 32, dtype=torch.float64, requires_grad=True)
    resized = classifier.double()(pixels)
    assert resized.shape == (2, 1, side, side)
    (grad,) = torch.autograd.grad(resized.square().sum(), pixels)
    assert (grad != 0).all()
    # Linear and keeping constants: a column of its matrix at a time, by an independent formula.
    expected = _triangle(32, side) @ pixels.detach() @ _triangle(32, side).T
    torch.testing.assert_close(resized.detach(), expected, atol=1e-6, rtol=1e-6)


def _triangle(here: int, there: int) -> torch.Tensor:
    """Rows of a triangle filter as wide as the step, or as a pixel where the image grows: (there, here)."""
    scale = here / there
    width = max(scale, 1.0)
    centres = (torch.arange(there, dtype=torch.float64) + 0.5) * scale
    places = torch.arange(here, dtype=torch.float64) + 0.5
    rows = (1 - (places[None] - centres[:, None]).abs() / width).clamp(min=0)
    return rows / rows.sum(dim=1, keepdim=True)


def test_plain_shrinking_would_differ():
    pixels = torch.rand(1, 1, 32, 32)
    classifier = models.Classifier(nn.Identity(), described(input_size=16, mean=(0.0,), std=(1.0,)))
    plain = F.interpolate(pixels, size=(16, 16), mode="bilinear")
    assert (classifier(pixels) - plain).abs().max() > 0.01


def test_count_parameters():
    shared = nn.Linear(3, 4)
    net = nn.Sequential(shared, nn.Linear(4, 3), shared).requires_grad_(False)
    assert models.count_parameters(models.Classifier(net, TOLD)) == 16 + 15


# --- the description


def test_description_survives_json():
    told = described(arguments={"block_args": {"a": [1, 2]}}, mean=[0.25], std=(0.5,))
    assert models.Description(**json.loads(json.dumps(dataclasses.asdict(told)))) == told


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"classes": 0}, "classes is 0"),
        ({"channels": 1.0}, "channels is 1.0"),
        ({"size": -3}, "size is -3"),
        ({"input_size": "32"}, "input_size is '32'"),
        ({"input_size": True}, "input_size is True"),
        ({"mean": (0.1, 0.2)}, r"mean is \[0.1, 0.2\], it must hold 1 finite numbers"),
        ({"std": (0.0,)}, r"std is \[0.0\], each must be above 0"),
        ({"std": (float("nan"),)}, "std is"),
    ],
)
def test_description_refuses(changes, sentence):
    with pytest.raises(BadInput, match=f"'test_resnet': {sentence}"):
        described(**changes)


# --- save and load


def test_load_gives_back_what_was_saved(tmp_path, trained):
    path = tmp_path / "m.safetensors"
    models.save(path, trained)
    torch.manual_seed(9)
    loaded = models.load(path, TOLD)
    pixels = torch.rand(4, 1, 32, 32)
    assert torch.equal(loaded(pixels), trained(pixels))
    assert not any(module.training for module in loaded.modules())
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    assert all(parameter.requires_grad for parameter in trained.parameters())


def test_files_hold_the_network_alone(tmp_path, trained):
    models.save(tmp_path / "a.safetensors", trained)
    models.save(tmp_path / "b.safetensors", trained)
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    content = safetensors.torch.load_file(tmp_path / "a.safetensors")
    assert content.keys() == trained.net.state_dict().keys()


def test_tied_weights_can_be_saved(tmp_path):
    one = nn.Linear(4, 4)
    net = nn.Sequential(one, one)
    models.save(tmp_path / "m.safetensors", models.Classifier(net, TOLD))
    assert set(models.read_weights(tmp_path / "m.safetensors")) == set(net.state_dict())


# --- read_state


def same(one, two):
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("under", [None, *statedicts.NESTED_UNDER])
@pytest.mark.parametrize(
    "prefix", ["", "module.", "model.", "_orig_mod.", "module.model.", "_orig_mod.module."]
)
def test_usual_checkpoints(tmp_path, state, under, prefix, legacy):
    content = {prefix + key: value for key, value in state.items()}
    if under:
        content = {"epoch": 3, "optimizer": {"lr": 0.1}, under: content}
    torch.save(content, tmp_path / "x.pt", _use_new_zipfile_serialization=not legacy)
    assert same(statedicts.read(tmp_path / "x.pt").state, state)


def test_twice_nested(tmp_path, state):
    torch.save({"model": {"state_dict": state}}, tmp_path / "x.pth")
    assert same(statedicts.read(tmp_path / "x.pth").state, state)


def test_plain_weights_before_averaged_ones(tmp_path, state):
    averaged = {key: value * 0 for key, value in state.items()}
    torch.save({"state_dict_ema": averaged, "state_dict": state}, tmp_path / "x.pth")
    assert same(statedicts.read(tmp_path / "x.pth").state, state)


def test_prefix_of_some_keys_stays(tmp_path):
    state = {"model.weight": torch.ones(2), "head.weight": torch.ones(3)}
    torch.save(state, tmp_path / "x.pt")
    assert same(statedicts.read(tmp_path / "x.pt").state, state)


def test_weights_held_twice_by_an_attacker(tmp_path, state):
    content = {f"module.model.{key}": value for key, value in state.items()}
    content |= {f"module.attacker.model.{key}": value + 1 for key, value in state.items()}
    content["module.normalizer.new_mean"] = torch.zeros(3, 1, 1)
    content["module.attacker.normalize.new_mean"] = torch.zeros(3, 1, 1)
    torch.save({"model": content, "epoch": 90}, tmp_path / "x.ckpt")
    assert same(statedicts.read(tmp_path / "x.ckpt").state, state)


def test_options_and_numpy_numbers_are_harmless(tmp_path, state):
    extras = {"args": argparse.Namespace(lr=0.1), "accuracy": np.float64(0.9), "curve": np.zeros(3)}
    torch.save({"state_dict": state, **extras}, tmp_path / "x.pt")
    assert same(statedicts.read(tmp_path / "x.pt").state, state)


class Code:
    ran = False

    def __reduce__(self):
        return (_run, ())


def _run():
    Code.ran = True


def test_code_is_never_run(tmp_path, state):
    torch.save({"state_dict": state, "extra": Code()}, tmp_path / "x.pt")
    with pytest.raises(
        BadInput, match=r"hold the class or function \S*_run, and reading that would run code"
    ):
        statedicts.read(tmp_path / "x.pt")
    assert not Code.ran


def test_whole_modules_are_refused(tmp_path, trained):
    torch.save(trained, tmp_path / "x.pt")
    with pytest.raises(BadInput, match=r"kindred\.models\.Classifier.*save the state dict alone"):
        statedicts.read(tmp_path / "x.pt")
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), tmp_path / "j.pt")
    with pytest.raises(BadInput, match="a TorchScript program"):
        statedicts.read(tmp_path / "j.pt")


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("kept", [0.0, 0.001, 0.1, 0.5, 0.999])
def test_cut_torch_file(tmp_path, state, kept, legacy):
    path = tmp_path / "x.pt"
    torch.save(state, path, _use_new_zipfile_serialization=not legacy)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(BadInput, match=r"x\.pt' are damaged or no torch file: \w") as caught:
        statedicts.read(path)
    assert "\n" not in str(caught.value)
    assert "weights_only" not in str(caught.value)


@pytest.mark.parametrize("kept", [0.0, 0.001, 0.1, 0.5, 0.999])
def test_cut_safetensors_file(tmp_path, trained, kept):
    path = tmp_path / "x.safetensors"
    models.save(path, trained)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(BadInput, match=r"x\.safetensors' are damaged or no safetensors file: \w"):
        statedicts.read(path)


@pytest.mark.parametrize(
    "content", [b"<html>not found</html>", b"hello, this is text", pickle.dumps({"a": 1}, 4)]
)
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_other_files(tmp_path, content, suffix):
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"are damaged or no|hold no state dict"):
        statedicts.read(path)


@pytest.mark.parametrize(
    "content", [{}, {"epoch": 3}, [torch.ones(1)], torch.ones(2), {"state_dict": {}}, {1: torch.ones(2)}]
)
def test_no_weights_inside(tmp_path, content):
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(
        BadInput, match=r"x\.pt' hold no state dict, neither bare nor under state_dict, model"
    ):
        statedicts.read(tmp_path / "x.pt")


def test_missing_file(tmp_path):
    with pytest.raises(BadInput, match="do not exist"):
        statedicts.read(tmp_path / "x.pt")
    with pytest.raises(BadInput, match="are not a file"):
        statedicts.read(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_unreadable_file(tmp_path, state):
    torch.save(state, tmp_path / "x.pt")
    (tmp_path / "x.pt").chmod(0)
    with pytest.raises(BadInput, match="ermission"):
        statedicts.read(tmp_path / "x.pt")


# --- load_state


def test_the_sentence_of_a_misfit(state):
    for key in ("conv1.0.weight", "bn1.weight", "bn1.bias"):
        del state[key]
    state["extra.weight"] = torch.ones(1)
    state["fc.weight"] = torch.zeros(1000, 3)
    state["fc.extra"] = torch.zeros(1)
    total = len(models.assemble(TOLD).net.state_dict())
    width = models.assemble(TOLD).net.fc.in_features
    assert refuse(state) == (
        f"weights 'x.pt' do not fit architecture 'test_resnet': 3 of {total} keys are missing "
        "(conv1.0.weight, bn1.weight, bn1.bias), 2 unexpected (extra.weight, fc.extra), "
        f"1 of another shape (fc.weight is (1000, 3), the architecture has (10, {width}))"
    )


def test_long_lists_are_cut():
    sentence = refuse({"a": torch.ones(1)})
    assert "..." in sentence
    assert len(sentence) < 300


def test_other_number_of_classes():
    other = models.assemble(described(classes=1000)).net.state_dict()
    assert refuse(other) == (
        "weights 'x.pt' are for 1000 classes, the study has 10 (architecture 'test_resnet', fc.weight, fc.bias)"
    )


def test_other_width_is_not_called_classes(state):
    state["bn1.weight"] = torch.ones(7)
    assert "for 7 classes" not in refuse(state)
    narrow = models.assemble(described(architecture="kindred_mixer", arguments={"embed_dim": 48})).net
    wide = models.assemble(described(architecture="kindred_mixer")).net
    assert "classes" not in refuse(wide.state_dict(), narrow)


def test_two_heads_of_other_classes():
    small = {"embed_dim": 12, "depth": 1, "num_heads": 2}
    told = described(architecture="deit_tiny_distilled_patch16_224", arguments=small)
    other = models.assemble(dataclasses.replace(told, classes=7)).net.state_dict()
    assert "are for 7 classes, the study has 10" in refuse(other, models.assemble(told).net)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_not_finite(state, value):
    state["layer2.0.conv1.weight"].view(-1)[3] = value
    size = state["layer2.0.conv1.weight"].numel()
    assert refuse(state) == f"weights 'x.pt': 1 of {size} numbers in 'layer2.0.conv1.weight' are not finite"


def test_integers_are_no_weights(state):
    state["fc.weight"] = state["fc.weight"].to(torch.int8)
    assert "'fc.weight' is of type torch.int8" in refuse(state)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precision_is_taken(state, dtype):
    net = models.assemble(TOLD).net
    cast = {key: value.to(dtype) if value.is_floating_point() else value for key, value in state.items()}
    models.load_state(net, cast, "x.pt")
    assert net.fc.weight.dtype == torch.float32
    assert torch.equal(net.fc.weight, state["fc.weight"].to(dtype).float())


def test_counters_of_batch_norm_may_be_missing(state):
    net = models.assemble(TOLD).net
    models.load_state(net, {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}, "x.pt")
    assert torch.equal(net.fc.weight, state["fc.weight"])


def test_load_names_file_and_architecture(tmp_path, trained):
    path = tmp_path / "m.safetensors"
    models.save(path, trained)
    with pytest.raises(BadInput, match=r"weights '.*m\.safetensors' do not fit architecture 'kindred_vgg'"):
        models.load(path, described(architecture="kindred_vgg"))
