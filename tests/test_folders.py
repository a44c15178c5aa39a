"""Folders of photographs: what is listed, what is chosen, how it is cropped, and which file is broken."""

from pathlib import Path

import numpy as np
import pytest
from kindred import folders, pools, selection
from kindred.errors import BadInput
from kindred.images import Images
from kindred.pixels import CROP, fit
from PIL import Image

SETTINGS = {
    "source": "folder", "training_folder": None, "size": 16, "evaluation": 7, "training": 9, "seed": 0, "classes": None,
    "channels": 3, "crop": None, "choice": "balanced", "broken": 0,
}  # fmt: skip


def split_of(settings: dict) -> tuple[Images, Images]:
    chosen = selection.select(settings)
    return chosen.evaluation, chosen.training


def scan(root: Path) -> pools.Pool:
    return folders.per_class({**SETTINGS, "folder": str(root)})


def read(path: Path, side: int) -> np.ndarray:
    return fit(folders.read(path, 3), side, CROP)


def paint(path: Path, size: tuple[int, int] = (40, 30), mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draws = np.random.default_rng(sum(map(ord, path.name)))
    shape = size[::-1] if mode == "L" else (*size[::-1], 3)
    Image.fromarray(draws.integers(0, 256, shape, dtype=np.uint8), mode).save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three classes of 4, 6 and 8 images, one in a deeper folder, one grey, and things that are no images."""
    root = tmp_path / "val"
    for place, name in enumerate(("n02", "n01", "n10")):
        for number in range(4 + 2 * place):
            paint(root / name / f"{name}_{number}.png")
    (root / "n01" / "n01_0.png").rename(root / "n01" / "first.PNG")
    paint(root / "n02" / "deeper" / "x.jpg")
    (root / "n02" / "n02_3.png").unlink()
    paint(root / "n10" / "grey.png", mode="L")
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
    assert all(
        name.startswith(found.classes[label]) for name, label in zip(found.ids, found.labels, strict=True)
    )


def test_folders_that_hold_nothing_are_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"'.*nowhere' does not exist"):
        scan(tmp_path / "nowhere")
    (root / "n05").mkdir()
    with pytest.raises(BadInput, match=r"the class 'n05' in .* has no images"):
        scan(root)
    paint(tmp_path / "single" / "n01" / "x.png")
    with pytest.raises(BadInput, match="1 folders of classes; at least 2"):
        scan(tmp_path / "single")


def test_the_choice_is_even_over_classes_and_nested() -> None:
    labels = np.repeat([0, 1, 2], [40, 3, 60])
    for count in (3, 9, 20, 103):
        chosen = pools.choose(labels, count, seed=1)
        assert len(set(chosen.tolist())) == count
        per_class = np.bincount(labels[chosen], minlength=3)
        assert per_class[1] == min(3, count // 3)
        assert abs(per_class[0] - per_class[2]) <= 1 or per_class[0] == 40
        assert set(chosen.tolist()) <= set(pools.choose(labels, 103, seed=1).tolist())
    np.testing.assert_array_equal(pools.choose(labels, 9, 1), pools.choose(labels, 20, 1)[:9])
    assert pools.choose(labels, 9, 1).tolist() != pools.choose(labels, 9, 2).tolist()
    with pytest.raises(BadInput, match="104 images are wanted of 103"):
        pools.choose(labels, 104, 1)


@pytest.mark.parametrize("size", [(448, 448), (640, 480), (300, 501), (224, 224), (100, 90)])
def test_pixels_are_those_of_the_usual_preprocessing(tmp_path: Path, size: tuple[int, int]) -> None:
    from kindred import architectures  # noqa: F401  makes torchvision importable
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
    with pytest.raises(
        BadInput, match=r"the image 'n02/n02_1.png' of '.*val' cannot be read: \w.* with images.broken"
    ):
        selection.select({**SETTINGS, "folder": str(root), "evaluation": 17, "training": None})


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
