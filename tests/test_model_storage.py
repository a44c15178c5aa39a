"""Models on disk: weights and description that belong together, and a record of what is known of them."""

import dataclasses
import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from kindred.images.images import Images
from kindred.models import classifiers, descriptions, storage
from kindred.workflow import store
from kindred.workflow.errors import BadInput

CPU = torch.device("cpu")
DESCRIPTION = classifiers.Description("test_convnext2", 10, 1, 32, 32, (0.3,), (0.35,))
STUDY = {"source": "digits", "size": 32, "mean": [0.3], "std": [0.35]}


@pytest.fixture(scope="module")
def held_out() -> Images:
    draw = np.random.default_rng(0)
    pixels = draw.uniform(size=(12, 1, 32, 32)).astype(np.float32)
    ids = [f"some/{i}" for i in range(12)]
    return Images(pixels, draw.integers(0, 10, 12), ids, [str(i) for i in range(10)])


def fresh(seed: int = 0) -> classifiers.Classifier:
    torch.manual_seed(seed)
    return classifiers.assemble(DESCRIPTION).eval()


def written(folder: Path, held_out: Images, name: str = "net-1.5", seed: int = 0) -> list[str]:
    folder.mkdir(exist_ok=True)
    paths = [str(folder / f"{name}.{kind}") for kind in ("safetensors", "json")]
    storage.write(*paths, fresh(seed), held_out=held_out, device=CPU, source={"seed": seed})
    return paths


def test_round_trip(tmp_path: Path, held_out: Images) -> None:
    paths = written(tmp_path, held_out)
    assert sorted(os.listdir(tmp_path)) == ["net-1.5.json", "net-1.5.safetensors"]
    model = storage.load("net", *paths)
    assert model.name == "net" and not model.classifier.training
    assert not any(parameter.requires_grad for parameter in model.classifier.parameters())
    assert model.classifier.description == DESCRIPTION
    expected = fresh()
    for key, value in expected.net.state_dict().items():
        assert torch.equal(model.classifier.net.state_dict()[key], value)
    assert model.weights == hashlib.sha256(Path(paths[0]).read_bytes()).hexdigest()


def test_the_record(tmp_path: Path, held_out: Images) -> None:
    paths = written(tmp_path, held_out)
    about = descriptions.read(paths[1])
    pixels = torch.from_numpy(held_out.pixels)
    right = (fresh()(pixels).argmax(1).numpy() == held_out.labels).mean()
    assert about["clean_accuracy"] == pytest.approx(right) and about["clean_images"] == 12
    assert about["parameters"] == sum(parameter.numel() for parameter in fresh().parameters())
    assert about["weights_sha256"] == hashlib.sha256(Path(paths[0]).read_bytes()).hexdigest()
    assert about["versions"] == store.versions()
    assert about["source"] == {"seed": 0}
    assert classifiers.Description(**about["description"]) == DESCRIPTION


def test_labels_and_checks_are_not_recorded(tmp_path: Path, held_out: Images) -> None:
    """A label that changes in the config must leave the files of the model as they are."""
    paths = [str(tmp_path / f"m.{kind}") for kind in ("safetensors", "json")]
    labels = {"trained": {"training": "x"}, "layers": "all", "accuracy": {"expected": 1}, "classes": ["a"]}
    entry = {"architecture": "test_convnext2", "seed": 3, "recipe": {"epochs": 2}}
    given = {"held_out": held_out, "device": CPU, "record": {"history": [1]}}
    storage.write(*paths, fresh(), source={**entry, **labels}, **given)
    about = descriptions.read(paths[1])
    assert about["source"] == entry and about["history"] == [1] and "made" not in about
    first = [Path(path).read_bytes() for path in paths]
    storage.write(*paths, fresh(), source=entry, **given)
    assert [Path(path).read_bytes() for path in paths] == first


def test_accuracy_counts_what_is_right(tmp_path: Path, held_out: Images) -> None:
    predicted = fresh()(torch.from_numpy(held_out.pixels)).argmax(1).numpy()
    labels = np.where(np.arange(12) < 9, predicted, (predicted + 1) % 10)
    paths = written(tmp_path, dataclasses.replace(held_out, labels=labels))
    assert descriptions.read(paths[1])["clean_accuracy"] == 0.75


def test_other_weights_are_refused(tmp_path: Path, held_out: Images) -> None:
    one, two = written(tmp_path, held_out, "one"), written(tmp_path, held_out, "two", seed=1)
    with pytest.raises(BadInput, match=r"weights '.*one\.safetensors' are not those that '.*two\.json' describes"):
        storage.load("one", one[0], two[1])


def test_tampered_weights_are_refused(tmp_path: Path, held_out: Images) -> None:
    paths = written(tmp_path, held_out)
    content = bytearray(Path(paths[0]).read_bytes())
    content[-5] ^= 1
    Path(paths[0]).write_bytes(content)
    with pytest.raises(BadInput, match="are not those that") as caught:
        storage.load("net", *paths)
    digests = (hashlib.sha256(content).hexdigest(), descriptions.read(paths[1])["weights_sha256"])
    assert all(digest[:12] in str(caught.value) for digest in digests)
    Path(paths[0]).write_bytes(content[:-100])
    with pytest.raises(BadInput, match="are not those that"):
        storage.load("net", *paths)


def test_cut_off_between_weights_and_description(
    tmp_path: Path, held_out: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = written(tmp_path, held_out)
    monkeypatch.setattr(storage, "predict", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        written(tmp_path, held_out, seed=1)
    # The new weights lie beside the old description.
    with pytest.raises(BadInput, match="are not those that"):
        storage.load("net", *paths)


def test_broken_weights_are_not_described(tmp_path: Path, held_out: Images) -> None:
    broken = fresh()
    with torch.no_grad():
        next(broken.net.parameters())[0] = torch.nan
    paths = [str(tmp_path / name) for name in ("net.safetensors", "net.json")]
    with pytest.raises(BadInput, match="not finite"):
        storage.write(*paths, broken, held_out=held_out, device=CPU, source={})
    assert not Path(paths[1]).exists()


@pytest.mark.parametrize("content", [None, "", '{"description": {', "[1", "\udcff"])
def test_a_description_that_cannot_be_read(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "net.json"
    if content is not None:
        path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(BadInput, match=r"model description '.*net\.json' cannot be read"):
        descriptions.read(str(path))


def test_file_hash(tmp_path: Path) -> None:
    path = tmp_path / "some"
    content = bytes(range(256)) * 5
    path.write_bytes(content)
    assert descriptions.file_hash(str(path)) == hashlib.sha256(content).hexdigest()
    path.write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    assert descriptions.file_hash(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_the_hash_that_config_asks_for(tmp_path: Path) -> None:
    path = tmp_path / "some.pt"
    path.write_bytes(b"abc")
    digest = hashlib.sha256(b"abc").hexdigest()
    for wanted in (None, "", digest, digest.upper()):
        assert descriptions.demand_hash(str(path), wanted) == digest
    other = hashlib.sha256(b"abd").hexdigest()
    with pytest.raises(BadInput) as caught:
        descriptions.demand_hash(str(path), other)
    assert str(caught.value) == f"checkpoint '{path}' has SHA-256 {digest}, but config asks for {other}."


def test_results_of_other_weights() -> None:
    descriptions.demand_same_weights("some.zarr", "ab" * 32, "net", "ab" * 32)
    with pytest.raises(
        BadInput, match=r"'some\.zarr' was made with other weights of 'net' \(SHA-256 abababababab\.\.\."
    ) as caught:
        descriptions.demand_same_weights("some.zarr", "ab" * 32, "net", "cd" * 32)
    assert "(cdcdcdcdcdcd...)" in str(caught.value)


def test_each_model_in_order(tmp_path: Path, held_out: Images) -> None:
    paths = [*written(tmp_path, held_out, "b-2.5", seed=1), *written(tmp_path, held_out, "a.std")]
    assert storage.names(paths) == ["b-2.5", "a.std"]
    each = storage.each(paths)
    for name, seed in (("b-2.5", 1), ("a.std", 0)):
        model = next(each)
        assert model.name == name
        assert torch.equal(next(model.classifier.net.parameters()), next(fresh(seed).net.parameters()))
    with pytest.raises(ValueError):  # a weight without its description is a bug of whoever asks
        list(storage.each(paths[:3]))


def test_describe_a_model_trained_here() -> None:
    description = storage.describe({"architecture": "test_convnext2", "training": "standard"}, STUDY, classes=10)
    assert description == DESCRIPTION


def test_describe_an_imported_model() -> None:
    entry = {
        "architecture": "resnet18",
        "arguments": {"output_stride": 16},
        "mean": [0.1, 0.2, 0.3],
        "std": [0.4, 0.5, 0.6],
        "input_size": 224,
    }
    study = {"size": 64, "mean": [0.5] * 3, "std": [0.25] * 3}
    description = storage.describe(entry, study, classes=7)
    assert description == classifiers.Description(
        "resnet18", 7, 3, 64, 224, (0.1, 0.2, 0.3), (0.4, 0.5, 0.6), {"output_stride": 16}
    )
    assert classifiers.Description(**json.loads(json.dumps(dataclasses.asdict(description)))) == description
    nulls = dict.fromkeys(("arguments", "mean", "std", "input_size"))
    description = storage.describe(entry | nulls, study, classes=7)
    assert description == classifiers.Description("resnet18", 7, 3, 64, 64, (0.5,) * 3, (0.25,) * 3)
    # A mean of zeros is a choice like any other.
    description = storage.describe(entry | {"mean": [0.0] * 3}, study, classes=7)
    assert description.mean == (0.0,) * 3


@pytest.mark.parametrize("text", ["{}", "[]", "3", '{"description": {}}'])
def test_a_description_that_lacks_a_key(tmp_path: Path, held_out: Images, text: str) -> None:
    paths = written(tmp_path, held_out)
    Path(paths[1]).write_text(text)
    with pytest.raises(BadInput, match=r"lacks (description|weights_sha256), so this version did not write it"):
        storage.load("net-1.5", *paths)


def test_a_description_of_another_version(tmp_path: Path, held_out: Images) -> None:
    paths = written(tmp_path, held_out)
    about = descriptions.read(paths[1])
    about["description"]["colour"] = "blue"
    descriptions.write(paths[1], about)
    with pytest.raises(BadInput, match=r"was not written by this version \(.*colour"):
        storage.load("net-1.5", *paths)
