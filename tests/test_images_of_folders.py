"""Folders of photographs: what is listed, how it is split and cropped, and which file is broken."""

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
