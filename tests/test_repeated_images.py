"""Images that come more than once: none is both evaluated and trained on, whatever it is called; repeats are told."""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from image_files import DRAW, choose, cifar, filled, mnist, paint, refused, select
from kindred.images import digits, images, repeats
from PIL import Image

from scripts import Place, run


def folder(root: Path, each: int = 12) -> dict[str, Any]:
    for name in ("ant", "bee"):
        for at in range(each):
            paint(root / name / f"{at:02d}.png")
    return {"source": "folder", "folder": str(root), "crop": 1}


def one_folder(root: Path) -> dict[str, Any]:
    return {**folder(root / "a"), "training_folder": str(root / "a")}


def a_copy(root: Path) -> dict[str, Any]:
    """Another folder with all images of the first under other names and in another format, and more."""
    given = folder(root / "a")
    for path in sorted((root / "a").rglob("*.png")):
        (root / "b" / path.parent.name).mkdir(parents=True, exist_ok=True)
        Image.open(path).save(root / "b" / path.parent.name / f"copy of {path.stem}.bmp")
    for name in ("ant", "bee"):
        paint(root / "b" / name / "new.png")
    return {**given, "training_folder": str(root / "b")}


def links(root: Path) -> dict[str, Any]:
    given = folder(root / "a")
    for path in sorted((root / "a").rglob("*.png")):
        (root / "b" / path.parent.name).mkdir(parents=True, exist_ok=True)
        (root / "b" / path.parent.name / f"link_{path.name}").symlink_to(path)
    return {**given, "training_folder": str(root / "b")}


def twice_in_one_folder(root: Path) -> dict[str, Any]:
    """Every image once more beside itself; what evaluation leaves holds copies."""
    given = folder(root / "a")
    for path in sorted((root / "a").rglob("*.png")):
        shutil.copy(path, path.with_name(f"again_{path.name}"))
    return given


def twice_in_a_table(root: Path) -> dict[str, Any]:
    given = folder(root / "a")
    rows = []
    for path in sorted((root / "a").rglob("*.png")):
        shutil.copy(path, root / f"{path.parent.name}_{path.name}")
        shutil.copy(path, root / f"also_{path.parent.name}_{path.name}")
        rows += [f"{start}{path.parent.name}_{path.name},{path.parent.name}" for start in ("", "also_")]
    (root / "labels.csv").write_text("\n".join(["file,label", *rows]) + "\n")
    return {**given, "source": "table", "folder": str(root), "labels": str(root / "labels.csv")}


def arrays(count: int = 24) -> tuple[np.ndarray, np.ndarray]:
    return DRAW.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8), np.arange(count) % 2


def one_file(root: Path) -> dict[str, Any]:
    x, y = arrays()
    np.savez(root / "a.npz", x=x, y=y)
    return {"source": "npz", "file": str(root / "a.npz"), "training_file": str(root / "a.npz")}


def arrays_of_one_file(root: Path) -> dict[str, Any]:
    """The training part holds the other one, as real numbers in another layout and order."""
    x, y = arrays()
    np.savez(root / "a.npz", x_test=x, y_test=y, x_train=x[::-1].transpose(0, 3, 1, 2) / 255, y_train=y[::-1])
    return {"source": "npz", "file": str(root / "a.npz")}


def one_group(root: Path) -> dict[str, Any]:
    x, y = arrays()
    group = zarr.open_group(str(root / "a.zarr"), mode="w")
    group.create_array("images", data=x + 1)
    group.create_array("labels", data=y + 1)
    return {"source": "zarr", "file": str(root / "a.zarr"), "training_file": str(root / "a.zarr"), "classes": 3}


def batches_of_cifar(root: Path) -> dict[str, Any]:
    cifar(root / "c", "cifar10", binary=True)
    for at in range(1, 6):
        shutil.copy(root / "c" / "test_batch.bin", root / "c" / f"data_batch_{at}.bin")
    return {"source": "cifar10", "folder": str(root / "c")}


def files_of_mnist(root: Path) -> dict[str, Any]:
    mnist(root / "m")
    for kind in ("images-idx3", "labels-idx1"):
        shutil.copy(root / "m" / f"t10k-{kind}-ubyte", root / "m" / f"train-{kind}-ubyte")
    return {"source": "idx", "folder": str(root / "m"), "channels": 3}


LEAKS: list[Callable[[Path], dict[str, Any]]] = [
    one_folder, a_copy, links, twice_in_one_folder, twice_in_a_table, one_file, arrays_of_one_file, one_group,
    batches_of_cifar, files_of_mnist,
]  # fmt: skip


@pytest.mark.parametrize("made", LEAKS, ids=lambda made: made.__name__)
def test_no_evaluated_image_is_trained_on(
    made: Callable[[Path], dict[str, Any]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="kindred"):
        chosen = select(**made(tmp_path), evaluation=10, training=10)
    assert (len(chosen.evaluation), len(chosen.training)) == (10, 10)
    evaluated, trained = ({pixels.tobytes() for pixels in part.pixels} for part in (chosen.evaluation, chosen.training))
    assert evaluated.isdisjoint(trained)
    texts = [text for text in caplog.messages if "are left out of training" in text]
    assert len(texts) == 1 and "images of the same pixels are evaluated" in texts[0]


def test_the_job_of_training_images_takes_none_either(tmp_path: Path) -> None:
    """The script knows the evaluation images from their store alone."""
    settings = filled(**one_folder(tmp_path), evaluation=10, training=10)
    del settings["broken"]
    own = {"settings": settings, "module": "kindred.images.folders", "config": {"images": {"broken": 0}}}
    run("select_evaluation_images", Place(tmp_path, {"natural": "n.zarr"}, {}, **own))
    run("select_training_images", Place(tmp_path, {"training": "t.zarr"}, {"natural": str(tmp_path / "n.zarr")}, **own))
    natural, training = (images.load(tmp_path / f"{part}.zarr") for part in "nt")
    assert set(natural.ids).isdisjoint(training.ids) and len(training) == 10
    assert "are left out of training" in (tmp_path / "log.txt").read_text()
    assert repeats.keys_in(tmp_path / "n.zarr") == repeats.keys_of(natural)


def test_too_few_are_left(tmp_path: Path) -> None:
    message = refused(**one_folder(tmp_path), evaluation=14, training=12)
    assert "12 images are wanted of" in message
    assert message.endswith("which holds 24, 14 of them with the pixels of evaluated images.")


def test_sources_that_split_themselves_are_looked_through_too(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = digits.everything({"size": 8, "channels": 1})
    monkeypatch.setattr(digits, "split", lambda settings: (whole.take(np.arange(20)), whole.take(np.arange(15, 40))))
    settings = filled(source="digits", size=8, mean=[0.5], std=[0.5])
    chosen = choose(settings)
    assert chosen.training.ids == [f"digits/{at:04d}" for at in range(20, 40)]


@pytest.mark.parametrize(("copies", "warned"), [(0, False), (3, True)])
def test_evaluation_images_that_come_twice_are_told(
    copies: int, warned: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    x, y = arrays(12)
    x[:copies] = x[-copies:] if copies else x[:0]
    np.savez(tmp_path / "a.npz", x=x, y=y)
    with caplog.at_level(logging.WARNING, logger="kindred"):
        select(source="npz", file=str(tmp_path / "a.npz"), evaluation=12)
    texts = [text for text in caplog.messages if "same pixels" in text]
    assert len(texts) == warned
    assert all("3 of 12 evaluation images have the same pixels as another one ('a/x/" in text for text in texts)


def test_the_sign_of_zero_makes_no_other_image() -> None:
    dark = np.zeros((1, 4, 4), np.float32)
    assert repeats.key_of(dark) == repeats.key_of(-dark) != repeats.key_of(dark + 1)


def test_images_that_are_alike_but_not_the_same_stay(tmp_path: Path) -> None:
    """A picture that differs by one level in one place is another picture."""
    x, y = arrays()
    near = x.copy()
    near[:, 0, 0, 0] ^= 1
    np.savez(tmp_path / "a.npz", x_test=x, y_test=y, x_train=near, y_train=y)
    chosen = select(source="npz", file=str(tmp_path / "a.npz"), evaluation=12, training=24)
    assert len(chosen.training) == 24
