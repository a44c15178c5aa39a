"""CIFAR and idx files as distributed: pixels, labels, ids, and messages about what is wrong."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_files import CIFAR, cifar, mnist, refused, select, write_idx


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("kind", ["cifar10", "cifar100"])
def test_cifar_as_distributed(tmp_path: Path, kind: str, binary: bool) -> None:
    parts = cifar(tmp_path / "c", kind, binary)
    chosen = select(source=kind, folder=str(tmp_path / "c"), training=15)
    assert (len(chosen.evaluation), len(chosen.training)) == (12, 15)
    assert chosen.evaluation.classes == [f"class{at}" for at in range(CIFAR[kind])]
    for images in (chosen.evaluation, chosen.training):
        for name, label, pixels in zip(images.ids, images.labels, images.pixels, strict=True):
            part, row = name.split("/")
            x, y = parts[part]
            np.testing.assert_array_equal(np.round(pixels * 255), x[int(row)].reshape(3, 32, 32))
            assert label == y[int(row)]
    assert all(name.startswith("test") for name in chosen.evaluation.ids)
    assert not any(name.startswith("test") for name in chosen.training.ids)
    # The binary and the python version give the same images the same ids.
    assert chosen.evaluation.ids == select(source=kind, folder=str(tmp_path / "c")).evaluation.ids


def test_cifar_pickled_by_python_2(tmp_path: Path) -> None:
    """As the published files: protocol 2, bytes for text, arrays rebuilt by the NumPy of its day."""
    cifar(tmp_path / "c", "cifar10")
    batch = tmp_path / "c" / "test_batch"
    content = batch.read_bytes()
    assert b"cnumpy._core.multiarray\n_reconstruct" in content or b"numpy.core" in content
    batch.write_bytes(content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    assert len(select(source="cifar10", folder=str(tmp_path / "c")).evaluation) == 12


def test_cifar_without_its_training_part(tmp_path: Path) -> None:
    cifar(tmp_path / "c", "cifar10")
    for at in range(1, 6):
        (tmp_path / "c" / f"data_batch_{at}").unlink()
    chosen = select(source="cifar10", folder=str(tmp_path / "c"))
    assert (len(chosen.evaluation), len(chosen.training)) == (12, 0)
    assert chosen.training.pixels.shape == (0, 3, 32, 32)
    assert "lacks data_batch_1" in refused(source="cifar10", folder=str(tmp_path / "c"), training=10)


class Code:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("run",))


def test_cifar_that_is_not_cifar(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "c"
    assert "does not hold cifar10" in refused(source="cifar10", folder=str(root))
    cifar(root, "cifar10")
    given = {"source": "cifar10", "folder": str(root)}
    batch = root / "test_batch"
    content = batch.read_bytes()
    batch.write_bytes(content[:1000])
    assert "is damaged or no batch of CIFAR" in refused(**given)
    batch.write_bytes(pickle.dumps({b"data": Code()}))
    assert "reading that would run code" in refused(**given)
    assert capsys.readouterr().out == ""
    batch.write_bytes(pickle.dumps({b"data": np.zeros((4, 100), np.uint8)}))
    assert "holds no rows of 3072 bytes" in refused(**given)
    batch.write_bytes(pickle.dumps([1]))
    assert "it holds a list" in refused(**given)
    cifar(tmp_path / "b", "cifar100", binary=True)
    path = tmp_path / "b" / "test.bin"
    path.write_bytes(path.read_bytes()[:-1])
    assert "which are no rows of 3,074" in refused(source="cifar100", folder=str(tmp_path / "b"))


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("dotted", [False, True])
def test_idx_files(tmp_path: Path, zipped: bool, dotted: bool) -> None:
    parts = mnist(tmp_path / "m", zipped, dotted)
    given = {"source": "idx", "folder": str(tmp_path / "m"), "size": 28, "training": 20}
    chosen = select(**given, mean=[0.5], std=[0.5])
    for images, part in ((chosen.evaluation, "t10k"), (chosen.training, "train")):
        for name, label, pixels in zip(images.ids, images.labels, images.pixels, strict=True):
            row = int(name.removeprefix(f"{part}/"))
            np.testing.assert_array_equal(np.round(pixels[0] * 255), parts[part][0][row])
            assert label == parts[part][1][row]
    coloured = select(**given, channels=3)
    np.testing.assert_array_equal(coloured.evaluation.pixels[:, 2], chosen.evaluation.pixels[:, 0])


def test_idx_files_that_are_wrong(tmp_path: Path) -> None:
    root = tmp_path / "m"
    given = {"source": "idx", "folder": str(root), "mean": [0.5], "std": [0.5]}
    assert "has no file t10k-images-idx3-ubyte" in refused(**given)
    mnist(root)
    labels = root / "t10k-labels-idx1-ubyte"
    whole = labels.read_bytes()
    labels.write_bytes(whole[:20])
    assert "is damaged or no idx file" in refused(**given)
    labels.write_bytes(b"hello, I am text")
    assert "it does not begin as an idx file does" in refused(**given)
    write_idx(labels, np.zeros(7, np.uint8), False)
    assert "has the shape (30, 28, 28)" in refused(**given)
