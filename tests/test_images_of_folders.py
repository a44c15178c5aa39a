"""Folders of photographs: what is listed, how it is split and cropped, and which file is broken."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from image_files import choose, paint
from kindred.images import folders, photographs
from kindred.images.images import Images
from kindred.images.pixels import CROP, fit
from kindred.images.pool import Pool
from kindred.workflow.errors import BadInput
from PIL import Image

SETTINGS = {
    "source": "folder", "training_folder": None, "size": 16, "evaluation": 7, "training": 9, "seed": 0, "classes": None,
    "channels": 3, "crop": None, "choice": "balanced", "broken": 0,
}  # fmt: skip


def split_of(settings: dict) -> tuple[Images, Images]:
    chosen = choose(settings)
    return chosen.evaluation, chosen.training


def scan(root: Path) -> Pool:
    return folders.pools({**SETTINGS, "folder": str(root)})[0]


def read(path: Path, side: int) -> np.ndarray:
    return fit(photographs.read(path, 3), side, CROP)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three classes of 4, 6 and 8 images, one in a deeper folder, one grey, and things that are no images."""
    root = tmp_path / "val"
    for position, name in enumerate(("n02", "n01", "n10")):
        for number in range(4 + 2 * position):
            paint(root / name / f"{name}_{number}.png", (40, 30))
    (root / "n01" / "n01_0.png").rename(root / "n01" / "first.PNG")
    paint(root / "n02" / "deeper" / "x.jpg", (40, 30))
    (root / "n02" / "n02_3.png").unlink()
    paint(root / "n10" / "grey.png", (40, 30), mode="L")
    (root / "n10" / "n10_7.png").unlink()
    (root / "n01" / "notes.txt").write_text("no image")
    (root / "n01" / "._n01_1.png").write_text("no image")
    (root / "readme.txt").write_text("no class")
    return root


def test_all_images_are_listed_by_class(root: Path) -> None:
    found = scan(root)
    assert found.classes == ["n01", "n02", "n10"]
    assert np.bincount(found.labels).tolist() == [6, 4, 8]
    assert found.ids[0] == "n01/first.PNG" and "n02/deeper/x.jpg" in found.ids
    assert all(name.startswith(found.classes[label]) for name, label in zip(found.ids, found.labels, strict=True))


def test_folders_that_hold_nothing_are_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"'.*nowhere' does not exist; see images.folder"):
        scan(tmp_path / "nowhere")
    (root / "n05").mkdir()
    with pytest.raises(BadInput, match=r"the class 'n05' in .* has no images"):
        scan(root)
    paint(tmp_path / "single" / "n01" / "x.png")
    with pytest.raises(BadInput, match="1 folders of classes; at least 2"):
        scan(tmp_path / "single")


@pytest.mark.parametrize("size", [(448, 448), (640, 480), (300, 501), (224, 224), (100, 90)])
def test_pixels_are_those_of_the_usual_preprocessing(tmp_path: Path, size: tuple[int, int]) -> None:
    import kindred.models.architectures  # noqa: F401  makes torchvision importable
    from torchvision import transforms

    paint(tmp_path / "x.png", size)
    usual = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor()])
    with Image.open(tmp_path / "x.png") as opened:
        expected = usual(opened.convert("RGB")).numpy()
    np.testing.assert_array_equal(read(tmp_path / "x.png", 224), expected)


def test_grey_images_get_three_channels(root: Path) -> None:
    pixels = read(root / "n10" / "grey.png", 16)
    assert pixels.shape == (3, 16, 16) and pixels.dtype == np.float32
    np.testing.assert_array_equal(pixels[0], pixels[2])


@pytest.mark.parametrize("content", [b"", b"no image", None])
def test_a_broken_file_is_named(root: Path, content: bytes | None) -> None:
    path = root / "n02" / "n02_1.png"
    path.write_bytes(path.read_bytes()[:300] if content is None else content)
    with pytest.raises(BadInput, match=r"the image 'n02/n02_1.png' of '.*val' cannot be read: \w.* with images.broken"):
        choose({**SETTINGS, "folder": str(root), "evaluation": 17, "training": None})


def test_one_folder_is_split(root: Path) -> None:
    evaluation, training = split_of({**SETTINGS, "folder": str(root)})
    assert (len(evaluation), len(training)) == (7, 9)
    assert set(evaluation.ids).isdisjoint(training.ids)
    assert np.bincount(evaluation.labels).min() >= 2 and evaluation.classes == ["n01", "n02", "n10"]
    again, _ = split_of({**SETTINGS, "folder": str(root)})
    assert again.ids == evaluation.ids
    for part in (evaluation, training):
        for name, label, pixels in zip(part.ids, part.labels, part.pixels, strict=True):
            assert name.startswith(part.classes[label])
            np.testing.assert_array_equal(pixels, read(root / name, 16))
    with pytest.raises(BadInput, match=r"images.training is 12, but .* has 11 images that are not evaluated"):
        split_of({**SETTINGS, "folder": str(root), "training": 12})


def test_training_images_of_a_folder_of_their_own(root: Path, tmp_path: Path) -> None:
    train = tmp_path / "train"
    for name in ("n01", "n02", "n10"):
        for number in range(5):
            paint(train / name / f"t{number}.png")
    settings = {**SETTINGS, "folder": str(root), "training_folder": str(train)}
    evaluation, training = split_of(settings)
    assert all("/t" in name for name in training.ids) and not any("/t" in name for name in evaluation.ids)
    assert np.bincount(training.labels).tolist() == [3, 3, 3]
    paint(train / "n11" / "t0.png")
    with pytest.raises(BadInput, match="same classes, but 'n11' is in one of them only"):
        split_of(settings)


def test_what_is_passed_over_is_counted_and_hidden_folders_are_at_every_depth(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = scan(root)
    for place in ("n01/.ipynb_checkpoints", "n02/deeper/.ipynb_checkpoints", "n10/__MACOSX", ".cache"):
        paint(root / place / "copy.png")
    (root / "n02" / "more").symlink_to(root / "n01", target_is_directory=True)
    (root / "n02" / "linked.png").symlink_to(root / "n01" / "first.PNG")
    (root / "n02" / "x.npy").write_bytes(b"")
    (root / "n02" / "README").write_text("no image")
    os.mkfifo(root / "n02" / "pipe.png")
    caplog.set_level("INFO")
    caplog.clear()
    found = scan(root)
    assert sorted(found.ids) == sorted([*before.ids, "n02/linked.png"])
    text = caplog.text
    for told in ("3 hidden folders", "1 links to folders", "1 hidden files", "1 files that end in '.npy'"):
        assert told in text
    assert "1 files without a suffix" in text and "1 pipes, sockets or devices" in text
    assert len(caplog.records) == 1


def test_folders_that_are_numbers_are_in_their_order(tmp_path: Path) -> None:
    for name in range(12):
        paint(tmp_path / "val" / str(name) / "x.png")
    assert scan(tmp_path / "val").classes == [str(name) for name in range(12)]
    for name in ("007", "008", "10"):
        paint(tmp_path / "other" / name / "x.png")
    assert scan(tmp_path / "other").classes == ["007", "008", "10"]
    paint(tmp_path / "other" / "10b" / "x.png")
    assert scan(tmp_path / "other").classes == ["007", "008", "10", "10b"]
    paint(tmp_path / "twice" / "01" / "x.png")
    paint(tmp_path / "twice" / "1" / "x.png")
    with pytest.raises(BadInput, match=r"the folders 01, 1 in '.*twice' are the same number"):
        scan(tmp_path / "twice")


@pytest.mark.parametrize("names", [("train", "val"), ("Train", "Test"), ("training", "validation", "test"), ("train",)])
def test_the_folder_above_the_parts_is_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    for part in names:
        for name in ("ant", "bee"):
            paint(tmp_path / part / name / "x.png")
    held_out = next((name for name in names[1:]), names[0])
    with pytest.raises(BadInput, match=f"holds the parts of a data set .*images.folder is probably '.*{held_out}'"):
        scan(tmp_path)
    with pytest.raises(BadInput, match=f"images.training_folder is probably '.*{names[0]}'"):
        folders.per_class({**SETTINGS, "training_folder": str(tmp_path)}, "training_folder")


def test_classes_may_be_called_like_parts(tmp_path: Path) -> None:
    """A classifier of trains and tests: no folders of classes are below."""
    for name in ("train", "test"):
        paint(tmp_path / name / "x.png")
    assert scan(tmp_path).classes == ["test", "train"]


@pytest.mark.parametrize("how", ["same folder", "linked folder", "copies", "other names"])
def test_no_image_is_evaluated_and_trained_on(
    root: Path, tmp_path: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    other = root
    if how == "linked folder":
        (tmp_path / "link").symlink_to(root, target_is_directory=True)
        other = tmp_path / "link"
    elif how != "same folder":
        shutil.copytree(root, other := tmp_path / "copies")
        if how == "other names":
            for path in sorted(other.rglob("[!.]*.*g")):
                path.rename(path.with_name(f"other-{path.name}"))
    given = {**SETTINGS, "folder": str(root), "training_folder": str(other)}
    evaluation, training = split_of(given)
    assert len(evaluation) == 7 and len(training) == 9
    assert not {one.tobytes() for one in evaluation.pixels} & {one.tobytes() for one in training.pixels}
    assert "images of" in caplog.text and "are evaluated too, equal in every pixel, and are left out" in caplog.text
    with pytest.raises(BadInput, match=r"12 images are wanted of .*, which holds 18, 7 of them evaluated too"):
        split_of({**given, "training": 12})


def test_images_that_occur_twice_are_told(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(3):
        shutil.copy(root / "n01" / "first.PNG", root / "n02" / f"again{number}.png")
    choose({**SETTINGS, "folder": str(root), "evaluation": 20, "training": None})
    assert "3 of 20 images are equal to another in every pixel" in caplog.text
