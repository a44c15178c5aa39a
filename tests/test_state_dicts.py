"""State dicts in files that other code saved: usual wrappings, damage, pickles, and no code is ever run."""

import argparse
import json
import os
import pickle
import sys
import types
import zipfile

import numpy as np
import pytest
import torch
from kindred.models import classifiers
from kindred.models.importing import sharded, state_dicts
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


@pytest.mark.parametrize("content", [b"", b"hello, this is text", pickle.dumps({"a": 1}, 4)])
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


# --- which of several


def several(path, state, **keys):
    """A file with other weights under each key; {key: those weights}."""
    held = {key: {name: value + number for name, value in state.items()} for number, key in enumerate(keys)}
    torch.save({"epoch": 3, "optimizer": {"state": {0: {"m": torch.ones(2)}}}, **held}, path)
    return held


@pytest.mark.parametrize("key", ["state_dict_ema", "teacher", "network", "state_dict"])
def test_a_key_chooses(tmp_path, state, key):
    small = {"fc.weight": torch.zeros(3, 2), "fc.bias": torch.zeros(3)}
    held = several(tmp_path / "x.pt", small, state_dict=1, state_dict_ema=1, teacher=1, student=1, network=1)
    found = state_dicts.read(tmp_path / "x.pt", key=key)
    assert found.key == key and same(found.state, held[key])
    with pytest.raises(BadInput, match=r"no weights under weights_key 'ema'; there are state_dict, state_dict_ema, te"):
        state_dicts.read(tmp_path / "x.pt", key="ema")


def test_keys_within_keys(tmp_path):
    small = {"module.weight": torch.zeros(3, 2)}
    torch.save({"ema": {"module": small, "decay": 0.99}, "model": {"weight": torch.ones(1)}}, tmp_path / "x.pt")
    assert same(state_dicts.read(tmp_path / "x.pt", key="ema.module").state, {"weight": torch.zeros(3, 2)})
    assert same(state_dicts.read(tmp_path / "x.pt").state, {"weight": torch.ones(1)})


def test_what_is_not_usual_is_taken_alone_or_asked_for(tmp_path, caplog):
    small = {"fc.weight": torch.zeros(3, 2)}
    several(tmp_path / "one.pt", small, teacher=1)
    found = state_dicts.read(tmp_path / "one.pt")
    assert found.key == "teacher" and same(found.state, small)
    several(tmp_path / "two.pt", small, teacher=1, student=1)
    with pytest.raises(BadInput, match="hold several: teacher, student; weights_key chooses one"):
        state_dicts.read(tmp_path / "two.pt")
    caplog.clear()
    several(tmp_path / "ema.pt", small, state_dict_ema=1, state_dict=1)
    assert state_dicts.read(tmp_path / "ema.pt").key == "state_dict"
    assert "hold others too: state_dict_ema; weights_key chooses one" in caplog.text


# --- of which kinds


def test_numbers_as_numpy_1_and_2_saved_them(tmp_path):
    """NumPy 2 calls numpy.core what it calls numpy._core; neither runs code."""
    content = {"state_dict": {"w": torch.ones(2)}, "best": np.float64(0.7), "curve": np.arange(3.0), "n": np.int64(3)}
    torch.save(content, tmp_path / "new.pt")
    for old, new in ((b"numpy._core.multiarray", b"numpy.core.multiarray"), (b"numpy._core", b"numpy._core")):
        with zipfile.ZipFile(tmp_path / "new.pt") as source, zipfile.ZipFile(tmp_path / "x.pt", "w") as target:
            for member in source.infolist():
                target.writestr(member.filename, source.read(member.filename).replace(old, new))
        assert same(state_dicts.read(tmp_path / "x.pt").state, {"w": torch.ones(2)})


def test_arrays_become_tensors(tmp_path):
    held = {"w": np.ones((2, 3), np.float32), "n": np.array(4)}
    torch.save({"model": held}, tmp_path / "x.pt")
    assert same(state_dicts.read(tmp_path / "x.pt").state, {"w": torch.ones(2, 3), "n": torch.tensor(4)})
    torch.save({"model": {"w": np.array(["a"])}}, tmp_path / "y.pt")
    with pytest.raises(BadInput):
        state_dicts.read(tmp_path / "y.pt")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 46830571\n", "a git-lfs pointer"),
        (b"\n <!DOCTYPE html><html><title>Virus scan warning</title>", "a web page"),
        (b"<HTML>not found</HTML>", "a web page"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "an XML page"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "an HDF5 file"),
        (b"\x1f\x8b" + bytes(100), "compressed by gzip"),
    ],
)
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_other_kinds_are_called_by_their_name(tmp_path, content, words, suffix):
    (tmp_path / f"x{suffix}").write_bytes(content)
    with pytest.raises(BadInput, match=words):
        state_dicts.read(tmp_path / f"x{suffix}")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (lambda: torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8), "'w' is quantised"),
        (lambda: torch.ones(3, 3).to_sparse(), "'w' is sparse"),
        (lambda: torch.ones(3, device="meta"), "'w' is of no memory"),
        (lambda: torch.ones(3, dtype=torch.complex64), "'w' is of complex numbers"),
        (lambda: torch.zeros(1).expand(200_000, 200_000), r"shape \(200000, 200000\), but the file holds 4 bytes"),
    ],
)
def test_tensors_that_are_no_plain_numbers(tmp_path, value, words):
    torch.save({"w": value()}, tmp_path / "x.pt")
    with pytest.raises(BadInput, match=words):
        state_dicts.read(tmp_path / "x.pt")


def test_an_archive_that_grows_is_not_read(tmp_path):
    torch.save({"w": torch.zeros(2**25)}, tmp_path / "x.pt")
    with (
        zipfile.ZipFile(tmp_path / "x.pt") as source,
        zipfile.ZipFile(tmp_path / "y.pt", "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for member in source.infolist():
            target.writestr(member.filename, source.read(member.filename))
    with pytest.raises(BadInput, match=r"an archive of \d+,\d+ bytes that unpacks to 13\d,\d+,\d+; .* not read"):
        state_dicts.read(tmp_path / "y.pt")


class Elsewhere:
    """Pickles under the name of a class of a package that is not here."""


@pytest.mark.parametrize("legacy", [False, True])
def test_what_a_pickle_needs_is_said_in_one_go(tmp_path, legacy, monkeypatch):
    module = types.ModuleType("no_such_package.models")
    Elsewhere.__module__, module.Elsewhere = module.__name__, Elsewhere
    monkeypatch.setitem(sys.modules, "no_such_package", types.ModuleType("no_such_package"))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    path = tmp_path / "x.pt"
    torch.save(
        {"state_dict": {"w": torch.ones(1)}, "net": Elsewhere()}, path, _use_new_zipfile_serialization=not legacy
    )
    monkeypatch.undo()
    with pytest.raises(
        BadInput, match=r"`trust_pickle: \w{64}` .*needs the module 'no_such_package', which is not here"
    ):
        state_dicts.read(path)


# --- in shards


def test_weights_in_shards(tmp_path, trained):
    state = trained.net.state_dict()
    names = list(state)
    shards = {f"model-0000{k}-of-00002.safetensors": names[k - 1 :: 2] for k in (1, 2)}
    for file, held in shards.items():
        classifiers.save(tmp_path / file, {name: state[name] for name in held})
    index = tmp_path / "model.safetensors.index.json"
    where = {name: file for file, held in shards.items() for name in held}
    index.write_text(json.dumps({"metadata": {}, "weight_map": where}))
    assert same(state_dicts.read(index).state, dict(state))
    assert [path.name for path in sharded.there(index)] == sorted(shards)
    with pytest.raises(BadInput, match=r"are one of 2 files of a model; name '.*model\.safetensors\.index\.json'"):
        state_dicts.read(tmp_path / "model-00001-of-00002.safetensors")
    index.write_text(json.dumps({"weight_map": {**where, "more": "model-00001-of-00002.safetensors"}}))
    with pytest.raises(BadInput, match="name 1 that its files do not hold"):
        state_dicts.read(index)
    index.write_text(json.dumps({"weight_map": {"a": "../x.safetensors"}}))
    with pytest.raises(BadInput, match="files that are not beside it"):
        state_dicts.read(index)
    for text in ("{", "[]", '{"weight_map": 3}'):
        index.write_text(text)
        assert sharded.there(index) == []
        with pytest.raises(BadInput, match="are no index of safetensors"):
            state_dicts.read(index)


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
