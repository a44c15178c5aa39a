"""State dicts in files that other code saved: usual wrappings, damage, pickles, and no code is ever run."""

import argparse
import os
import pickle

import numpy as np
import pytest
import torch
from kindred.models import classifiers
from kindred.models.importing import state_dicts
from kindred.workflow.errors import BadInput
from torch import nn

DESCRIPTION = classifiers.Description(
    architecture="test_resnet", classes=10, channels=1, size=32, input_size=32, mean=(0.3,), std=(0.35,)
)


@pytest.fixture(scope="module")
def trained():
    torch.manual_seed(0)
    return classifiers.assemble(DESCRIPTION).eval()


@pytest.fixture()
def state(trained):
    return {key: value.clone() for key, value in trained.net.state_dict().items()}


def same(one, two):
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("under", [None, *state_dicts.NESTED_UNDER])
@pytest.mark.parametrize("prefix", ["", "module.", "model.", "_orig_mod.", "module.model.", "_orig_mod.module."])
def test_usual_checkpoints(tmp_path, state, under, prefix, legacy):
    content = {prefix + key: value for key, value in state.items()}
    if under:
        content = {"epoch": 3, "optimizer": {"lr": 0.1}, under: content}
    torch.save(content, tmp_path / "x.pt", _use_new_zipfile_serialization=not legacy)
    assert same(state_dicts.read(tmp_path / "x.pt").state, state)


def test_twice_nested(tmp_path, state):
    torch.save({"model": {"state_dict": state}}, tmp_path / "x.pth")
    assert same(state_dicts.read(tmp_path / "x.pth").state, state)


def test_plain_weights_before_averaged_ones(tmp_path, state):
    averaged = {key: value * 0 for key, value in state.items()}
    torch.save({"state_dict_ema": averaged, "state_dict": state}, tmp_path / "x.pth")
    assert same(state_dicts.read(tmp_path / "x.pth").state, state)


def test_prefix_of_some_keys_stays(tmp_path):
    state = {"model.weight": torch.ones(2), "head.weight": torch.ones(3)}
    torch.save(state, tmp_path / "x.pt")
    assert same(state_dicts.read(tmp_path / "x.pt").state, state)


def test_weights_held_twice_by_an_attacker(tmp_path, state):
    content = {f"module.model.{key}": value for key, value in state.items()}
    content |= {f"module.attacker.model.{key}": value + 1 for key, value in state.items()}
    content["module.normalizer.new_mean"] = torch.zeros(3, 1, 1)
    content["module.attacker.normalize.new_mean"] = torch.zeros(3, 1, 1)
    torch.save({"model": content, "epoch": 90}, tmp_path / "x.ckpt")
    assert same(state_dicts.read(tmp_path / "x.ckpt").state, state)


def test_options_and_numpy_numbers_are_harmless(tmp_path, state):
    extras = {"args": argparse.Namespace(lr=0.1), "accuracy": np.float64(0.9), "curve": np.zeros(3)}
    torch.save({"state_dict": state, **extras}, tmp_path / "x.pt")
    assert same(state_dicts.read(tmp_path / "x.pt").state, state)


class Code:
    ran = False

    def __reduce__(self):
        return (_run, ())


def _run():
    Code.ran = True


def test_code_is_never_run(tmp_path, state):
    torch.save({"state_dict": state, "extra": Code()}, tmp_path / "x.pt")
    with pytest.raises(BadInput, match=r"hold the class or function \S*_run, and reading that would run code"):
        state_dicts.read(tmp_path / "x.pt")
    assert not Code.ran


def test_whole_modules_are_refused(tmp_path, trained):
    torch.save(trained, tmp_path / "x.pt")
    with pytest.raises(BadInput, match=r"kindred\.models\.classifiers\.Classifier.*save the state dict alone"):
        state_dicts.read(tmp_path / "x.pt")
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), tmp_path / "j.pt")
    with pytest.raises(BadInput, match="a TorchScript program"):
        state_dicts.read(tmp_path / "j.pt")


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("kept", [0.0, 0.001, 0.1, 0.5, 0.999])
def test_cut_torch_file(tmp_path, state, kept, legacy):
    path = tmp_path / "x.pt"
    torch.save(state, path, _use_new_zipfile_serialization=not legacy)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(BadInput, match=r"x\.pt' are damaged or no torch file: \w") as caught:
        state_dicts.read(path)
    assert "\n" not in str(caught.value)
    assert "weights_only" not in str(caught.value)


@pytest.mark.parametrize("kept", [0.0, 0.001, 0.1, 0.5, 0.999])
def test_cut_safetensors_file(tmp_path, trained, kept):
    path = tmp_path / "x.safetensors"
    classifiers.save(path, trained.net.state_dict())
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(BadInput, match=r"x\.safetensors' are damaged or no safetensors file: \w"):
        state_dicts.read(path)


@pytest.mark.parametrize("content", [b"<html>not found</html>", b"hello, this is text", pickle.dumps({"a": 1}, 4)])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_other_files(tmp_path, content, suffix):
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"are damaged or no|hold no state dict"):
        state_dicts.read(path)


@pytest.mark.parametrize(
    "content", [{}, {"epoch": 3}, [torch.ones(1)], torch.ones(2), {"state_dict": {}}, {1: torch.ones(2)}]
)
def test_no_weights_inside(tmp_path, content):
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(BadInput, match=r"x\.pt' hold no state dict, neither bare nor under state_dict, model"):
        state_dicts.read(tmp_path / "x.pt")


def test_missing_file(tmp_path):
    with pytest.raises(BadInput, match="do not exist"):
        state_dicts.read(tmp_path / "x.pt")
    with pytest.raises(BadInput, match="are not a file"):
        state_dicts.read(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_unreadable_file(tmp_path, state):
    torch.save(state, tmp_path / "x.pt")
    (tmp_path / "x.pt").chmod(0)
    with pytest.raises(BadInput, match="ermission"):
        state_dicts.read(tmp_path / "x.pt")
