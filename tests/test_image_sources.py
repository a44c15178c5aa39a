"""Every source of images, from real files in its true format: pixels, labels, ids, and sentences for what is wrong."""

import gzip
import pickle
import struct
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from kindred import folders, pixels, selection
from kindred.config import check
from kindred.errors import BadInput
from PIL import Image

DRAW = np.random.default_rng(0)
CIFAR = {"cifar10": 10, "cifar100": 100}


def select(tmp_path: Path, **given: Any) -> selection.Selection:
    """Through the config's own check, as the rule gets it."""
    count = given.pop("count", 3)
    images = {"size": 32, "evaluation": 12, "mean": [0.5] * count, "std": [0.5] * count, **given}
    settings = check({"images": images, "models": {"m": {"architecture": "x", "weights": "x.pt"}}})["images"]
    return selection.select({**settings, "channels": count})


def refused(tmp_path: Path, **given: Any) -> str:
    with pytest.raises(BadInput) as caught:
        select(tmp_path, **given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# CIFAR


def cifar_rows(count: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    return DRAW.integers(0, 256, (count, 3072), dtype=np.uint8), np.arange(count) % classes


def cifar(root: Path, kind: str, binary: bool = False) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The files as distributed, in small; {part: (rows of bytes, labels)}."""
    root.mkdir(parents=True)
    ten = kind == "cifar10"
    names = [f"data_batch_{at}" for at in range(1, 6)] if ten else ["train"]
    parts = {name: cifar_rows(20, CIFAR[kind]) for name in (*names, "test_batch" if ten else "test")}
    words = [f"class{at}" for at in range(CIFAR[kind])]
    for name, (x, y) in parts.items():
        if binary:
            columns = [y[:, None]] if ten else [y[:, None] // 5, y[:, None]]
            np.concatenate([*columns, x], axis=1).astype(np.uint8).tofile(root / f"{name}.bin")
        else:
            key = b"labels" if ten else b"fine_labels"
            batch = {b"data": x, key: y.tolist(), b"filenames": [b"x.png"] * len(x)}
            (root / name).write_bytes(pickle.dumps(batch, protocol=2))
    if binary:
        name = "batches.meta.txt" if ten else "fine_label_names.txt"
        (root / name).write_text("\n".join(words) + "\n")
    else:
        key = b"label_names" if ten else b"fine_label_names"
        (root / ("batches.meta" if ten else "meta")).write_bytes(
            pickle.dumps({key: [word.encode() for word in words]}, protocol=2)
        )
    return parts


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("kind", ["cifar10", "cifar100"])
def test_cifar_as_distributed(tmp_path: Path, kind: str, binary: bool) -> None:
    parts = cifar(tmp_path / "c", kind, binary)
    chosen = select(tmp_path, source=kind, folder=str(tmp_path / "c"), training=15)
    assert (len(chosen.evaluation), len(chosen.training)) == (12, 15)
    assert chosen.evaluation.classes == [f"class{at}" for at in range(CIFAR[kind])]
    for images in (chosen.evaluation, chosen.training):
        for name, label, shown in zip(images.ids, images.labels, images.pixels, strict=True):
            part, row = name.split("/")
            x, y = parts[part]
            np.testing.assert_array_equal(np.round(shown * 255), x[int(row)].reshape(3, 32, 32))
            assert label == y[int(row)]
    assert all(name.startswith("test") for name in chosen.evaluation.ids)
    assert not any(name.startswith("test") for name in chosen.training.ids)
    # The binary and the python version give the same images the same ids.
    assert chosen.evaluation.ids == select(tmp_path, source=kind, folder=str(tmp_path / "c")).evaluation.ids


def test_cifar_pickled_by_python_2(tmp_path: Path) -> None:
    """As the published files: protocol 2, bytes for text, arrays rebuilt by the NumPy of its day."""
    cifar(tmp_path / "c", "cifar10")
    batch = tmp_path / "c" / "test_batch"
    content = batch.read_bytes()
    assert b"cnumpy._core.multiarray\n_reconstruct" in content or b"numpy.core" in content
    batch.write_bytes(content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    assert len(select(tmp_path, source="cifar10", folder=str(tmp_path / "c")).evaluation) == 12


def test_cifar_without_its_training_part(tmp_path: Path) -> None:
    cifar(tmp_path / "c", "cifar10")
    for at in range(1, 6):
        (tmp_path / "c" / f"data_batch_{at}").unlink()
    chosen = select(tmp_path, source="cifar10", folder=str(tmp_path / "c"))
    assert (len(chosen.evaluation), len(chosen.training)) == (12, 0)
    assert chosen.training.pixels.shape == (0, 3, 32, 32)
    assert "lacks data_batch_1" in refused(
        tmp_path, source="cifar10", folder=str(tmp_path / "c"), training=10
    )


class Code:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("run",))


def test_cifar_that_is_not_cifar(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "c"
    assert "does not hold cifar10" in refused(tmp_path, source="cifar10", folder=str(root))
    cifar(root, "cifar10")
    given = {"source": "cifar10", "folder": str(root)}
    batch = root / "test_batch"
    content = batch.read_bytes()
    batch.write_bytes(content[:1000])
    assert "is damaged or no batch of CIFAR" in refused(tmp_path, **given)
    batch.write_bytes(pickle.dumps({b"data": Code()}))
    assert "reading that would run code" in refused(tmp_path, **given)
    assert capsys.readouterr().out == ""
    batch.write_bytes(pickle.dumps({b"data": np.zeros((4, 100), np.uint8)}))
    assert "holds no rows of 3072 bytes" in refused(tmp_path, **given)
    batch.write_bytes(pickle.dumps([1]))
    assert "it holds a list" in refused(tmp_path, **given)
    cifar(tmp_path / "b", "cifar100", binary=True)
    path = tmp_path / "b" / "test.bin"
    path.write_bytes(path.read_bytes()[:-1])
    assert "which are no rows of 3,074" in refused(tmp_path, source="cifar100", folder=str(tmp_path / "b"))


# idx


def write_idx(path: Path, values: np.ndarray, zipped: bool) -> None:
    content = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.tobytes()
    path.write_bytes(gzip.compress(content) if zipped else content)


def mnist(root: Path, zipped: bool = False, dotted: bool = False) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    root.mkdir()
    parts = {}
    for part, count in (("t10k", 30), ("train", 50)):
        x, y = DRAW.integers(0, 256, (count, 28, 28), dtype=np.uint8), np.arange(count, dtype=np.uint8) % 10
        sign, suffix = "." if dotted else "-", ".gz" if zipped else ""
        write_idx(root / f"{part}-images{sign}idx3-ubyte{suffix}", x, zipped)
        write_idx(root / f"{part}-labels{sign}idx1-ubyte{suffix}", y, zipped)
        parts[part] = (x, y)
    return parts


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("dotted", [False, True])
def test_idx_files(tmp_path: Path, zipped: bool, dotted: bool) -> None:
    parts = mnist(tmp_path / "m", zipped, dotted)
    given = {"source": "idx", "folder": str(tmp_path / "m"), "size": 28, "training": 20}
    chosen = select(tmp_path, **given, count=1)
    for images, part in ((chosen.evaluation, "t10k"), (chosen.training, "train")):
        for name, label, shown in zip(images.ids, images.labels, images.pixels, strict=True):
            row = int(name.removeprefix(f"{part}/"))
            np.testing.assert_array_equal(np.round(shown[0] * 255), parts[part][0][row])
            assert label == parts[part][1][row]
    coloured = select(tmp_path, **given, channels=3)
    np.testing.assert_array_equal(coloured.evaluation.pixels[:, 2], chosen.evaluation.pixels[:, 0])


def test_idx_files_that_are_wrong(tmp_path: Path) -> None:
    root = tmp_path / "m"
    given = {"source": "idx", "folder": str(root), "count": 1}
    assert "has no file t10k-images-idx3-ubyte" in refused(tmp_path, **given)
    mnist(root)
    labels = root / "t10k-labels-idx1-ubyte"
    whole = labels.read_bytes()
    labels.write_bytes(whole[:20])
    assert "is damaged or no idx file" in refused(tmp_path, **given)
    labels.write_bytes(b"hello, I am text")
    assert "it does not begin as an idx file does" in refused(tmp_path, **given)
    write_idx(labels, np.zeros(7, np.uint8), False)
    assert "has the shape (30, 28, 28)" in refused(tmp_path, **given)


# npz and Zarr


@pytest.mark.parametrize(
    "names",
    [
        ("x", "y"),
        ("images", "labels"),
        ("x_test", "y_test"),
        ("test_images", "test_labels"),
        ("arr_0", "arr_1"),
    ],
)
@pytest.mark.parametrize("layout", ["nhwc", "nchw", "nhw", "float", "deep"])
def test_npz(tmp_path: Path, names: tuple[str, str], layout: str) -> None:
    x = DRAW.integers(0, 256, (30, 32, 32, 3), dtype=np.uint8)
    truth = x.transpose(0, 3, 1, 2) / 255
    stored: Any = {
        "nhwc": x,
        "nchw": x.transpose(0, 3, 1, 2),
        "nhw": x[..., 0],
        "float": x / 255,
        "deep": x.astype(np.uint16) * 257,
    }[layout]
    if layout == "nhw":
        truth = np.repeat(truth[:, :1], 3, axis=1)
    y = np.arange(30)[:, None] % 5  # a column, as Keras has it
    np.savez(tmp_path / "a.npz", **{names[0]: stored, names[1]: y})
    chosen = select(tmp_path, source="npz", file=str(tmp_path / "a.npz"))
    rows = [int(name.rpartition("/")[2]) for name in chosen.evaluation.ids]
    np.testing.assert_allclose(chosen.evaluation.pixels, truth[rows], atol=1e-6)
    np.testing.assert_array_equal(chosen.evaluation.labels, y[rows, 0])
    assert chosen.evaluation.classes == list("01234")


def test_training_arrays(tmp_path: Path) -> None:
    x, y = DRAW.integers(0, 256, (30, 8, 8), dtype=np.uint8), np.arange(30) % 3
    np.savez(tmp_path / "keras.npz", x_test=x, y_test=y, x_train=255 - x, y_train=y)
    chosen = select(tmp_path, source="npz", file=str(tmp_path / "keras.npz"), training=20, size=8)
    assert all(name.startswith("keras/x_train/") for name in chosen.training.ids)
    np.savez(tmp_path / "a.npz", x=x, y=y)
    np.savez(tmp_path / "b.npz", images=255 - x, labels=y)
    files = {"file": str(tmp_path / "a.npz"), "training_file": str(tmp_path / "b.npz")}
    chosen = select(tmp_path, source="npz", **files, training=20, size=8)
    assert all(name.startswith("b/images/") for name in chosen.training.ids)
    alone = select(tmp_path, source="npz", file=str(tmp_path / "a.npz"), training=18, size=8)
    assert set(alone.training.ids).isdisjoint(alone.evaluation.ids)
    assert "images.training is 19, but" in refused(
        tmp_path, source="npz", file=str(tmp_path / "a.npz"), training=19, size=8
    )


def test_zarr_groups(tmp_path: Path) -> None:
    from kindred import images

    x = DRAW.random((30, 3, 16, 16), dtype=np.float32)
    y = np.arange(30) % 4
    group = zarr.open_group(str(tmp_path / "g.zarr"), mode="w")
    group.create_array("pictures", data=x)
    group.create_array("kinds", data=y)
    given = {"source": "zarr", "file": str(tmp_path / "g.zarr"), "size": 16}
    assert "holds the arrays kinds, pictures, but none that are images and labels" in refused(
        tmp_path, **given
    )
    chosen = select(tmp_path, **given, arrays=["pictures", "kinds"])
    rows = [int(name.rpartition("/")[2]) for name in chosen.evaluation.ids]
    np.testing.assert_allclose(chosen.evaluation.pixels, x[rows], atol=1e-6)
    # The images of another study keep their ids.
    images.write(tmp_path / "natural.zarr", chosen.evaluation, {})
    again = select(tmp_path, source="zarr", file=str(tmp_path / "natural.zarr"), size=16)
    assert sorted(again.evaluation.ids) == sorted(chosen.evaluation.ids)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (
            np.full((30, 8, 8), 200.0),
            "go from 200 to 200, but real numbers must be in [0, 1]: divide them by what white is, or",
        ),
        (np.full((30, 8, 8), -1.0), "go from -1 to -1"),
        (np.full((30, 8, 8), np.nan), "go from nan to nan"),
        (np.zeros((30, 8, 8), np.int64), "are of int64, but must be of uint8"),
        (np.zeros((30, 8, 8, 5), np.uint8), "has the shape (8, 8, 5), but images have 1 or 3 channels"),
        (np.zeros((30, 8), np.uint8), "has the shape (30, 8)"),
        (np.zeros((29, 8, 8), np.uint8), "has the shape (29, 8, 8) and y (30,)"),
        (np.array([None] * 30), "cannot be read"),
    ],
)
def test_arrays_that_are_no_images(tmp_path: Path, x: np.ndarray, words: str) -> None:
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(30) % 3)
    assert words in refused(tmp_path, source="npz", file=str(tmp_path / "a.npz"))


def test_files_that_hold_no_arrays(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"PK no zip")
    assert "is damaged or no .npz file" in refused(tmp_path, source="npz", file=str(tmp_path / "a.npz"))
    assert "is damaged or no .npz file" in refused(tmp_path, source="npz", file=str(tmp_path / "b.npz"))
    assert "is damaged or no Zarr group" in refused(tmp_path, source="zarr", file=str(tmp_path / "b.zarr"))


# A folder and a table


def paint(path: Path, mode: str = "RGB", size: tuple[int, int] = (32, 32)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = size[::-1] if mode == "L" else (*size[::-1], 3)
    Image.fromarray(DRAW.integers(0, 256, shape, dtype=np.uint8), mode).save(path)


def table(
    tmp_path: Path, header: str = "file,label", suffix: str = ".png", count: int = 20
) -> dict[str, Any]:
    for at in range(count):
        paint(tmp_path / "flat" / f"{at:03d}.png")
    rows = [f"{at:03d}{suffix},{at % 4}" for at in range(count)]
    (tmp_path / "labels.csv").write_text("\n".join([header, *rows]) + "\n")
    return {"source": "table", "folder": str(tmp_path / "flat"), "labels": str(tmp_path / "labels.csv")}


@pytest.mark.parametrize(
    ("header", "suffix"), [("file,label", ".png"), ("ImageId,TrueLabel", ""), ("path,Class", ".png")]
)
def test_a_flat_folder_with_a_table(tmp_path: Path, header: str, suffix: str) -> None:
    chosen = select(tmp_path, **table(tmp_path, header, suffix), crop=1)
    assert np.bincount(chosen.evaluation.labels).tolist() == [3, 3, 3, 3]
    for name, label, shown in zip(
        chosen.evaluation.ids, chosen.evaluation.labels, chosen.evaluation.pixels, strict=True
    ):
        assert label == int(name[:3]) % 4
        truth = np.asarray(Image.open(tmp_path / "flat" / name)).transpose(2, 0, 1) / 255
        np.testing.assert_allclose(shown, truth, atol=1e-6)


def test_a_table_of_some_classes(tmp_path: Path) -> None:
    given = table(tmp_path)
    assert select(tmp_path, **given, classes=1000).evaluation.classes[-1] == "999"
    assert len(select(tmp_path, **given, classes="imagenet").evaluation.classes) == 1000
    assert "go from 0 to 3, but there are 3 classes" in refused(tmp_path, **given, classes=3)
    (tmp_path / "labels.csv").write_text((tmp_path / "labels.csv").read_text().replace(",3\n", ",dog\n"))
    assert select(tmp_path, **given).evaluation.classes == ["0", "1", "2", "dog"]
    (tmp_path / "names.txt").write_text("2\n1\n0\n")
    assert "are no classes of images.classes: dog" in refused(
        tmp_path, **given, classes=str(tmp_path / "names.txt")
    )
    (tmp_path / "names.txt").write_text("dog\n2\n1\n0\n")
    chosen = select(tmp_path, **given, classes=str(tmp_path / "names.txt")).evaluation
    assert [int(name[:3]) % 4 for name in chosen.ids] == [3 - label for label in chosen.labels]
    (tmp_path / "names.txt").write_text("dog\ndog\n")
    assert "2 lines must be at least 2 names, each once" in refused(
        tmp_path, **given, classes=str(tmp_path / "names.txt")
    )
    assert "a file that cannot be read" in refused(tmp_path, **given, classes="imagnet")


def test_tables_that_are_wrong(tmp_path: Path) -> None:
    given = table(tmp_path, "picture,label")
    assert "has the columns picture, label, but none for the files" in refused(tmp_path, **given)
    table(tmp_path, "file,sort")
    assert "but none for the labels" in refused(tmp_path, **given)
    (tmp_path / "labels.csv").write_text("file,label\n000.png,1\n000.png,0\n")
    assert "names '000.png' 2 times" in refused(tmp_path, **given)
    (tmp_path / "labels.csv").write_text("file,label\n")
    assert "has no rows" in refused(tmp_path, **given)
    (tmp_path / "labels.csv").unlink()
    assert "cannot be read" in refused(tmp_path, **given)
    table(tmp_path)
    (tmp_path / "labels.csv").write_text("file,label\n000.png,0\n001.png,0\n")
    assert "are of 1 class" in refused(tmp_path, **given)


def test_imagenette_has_some_of_the_classes_of_imagenet(tmp_path: Path) -> None:
    known = folders.class_names("imagenet")
    assert known is not None and known[0] == "n01440764" and known[217] == "n02102040"
    for name in ("n01440764", "n02102040", "n03888257"):
        for at in range(5):
            paint(tmp_path / "val" / name / f"{at}.JPEG")
    given = {"source": "folder", "folder": str(tmp_path / "val")}
    chosen = select(tmp_path, **given, classes="imagenet").evaluation
    assert len(chosen.classes) == 1000
    assert {known[label] for label in chosen.labels} == {"n01440764", "n02102040", "n03888257"}
    paint(tmp_path / "val" / "n99" / "x.png")
    assert "that images.classes does not name: n99 (1 of 4)" in refused(tmp_path, **given, classes="imagenet")


# The choice, and broken files


def test_random_choice_is_not_balanced(tmp_path: Path) -> None:
    labels = np.array([0] * 300 + [1] * 10)
    np.savez(tmp_path / "a.npz", x=np.zeros((310, 8, 8), np.uint8), y=labels)
    given = {"source": "npz", "file": str(tmp_path / "a.npz"), "size": 8, "evaluation": 20}
    assert np.bincount(select(tmp_path, **given).evaluation.labels).tolist() == [10, 10]
    drawn = select(tmp_path, **given, choice="random").evaluation
    assert np.bincount(drawn.labels)[0] > 14
    assert drawn.ids == select(tmp_path, **given, choice="random").evaluation.ids
    assert drawn.ids != select(tmp_path, **given, choice="random", seed=1).evaluation.ids


def test_broken_files_are_counted_named_and_replaced(tmp_path: Path) -> None:
    given = table(tmp_path, count=20)
    (tmp_path / "flat" / "003.png").write_bytes(b"no image")
    (tmp_path / "flat" / "004.png").unlink()
    whole = (tmp_path / "flat" / "005.png").read_bytes()
    (tmp_path / "flat" / "005.png").write_bytes(whole[: len(whole) // 2])
    given["evaluation"] = 17
    sentence = refused(tmp_path, **given)
    assert "cannot be read" in sentence and "or allow some with images.broken" in sentence
    assert "cannot be read (" in refused(tmp_path, **given, broken=2) and "allows 2" in refused(
        tmp_path, **given, broken=2
    )
    chosen = select(tmp_path, **given, broken=3)
    assert len(chosen.evaluation) == 17 and set(chosen.broken) == {"003.png", "004.png", "005.png"}
    selection.write_list(tmp_path / "chosen.csv", chosen)
    lines = (tmp_path / "chosen.csv").read_text().splitlines()
    assert lines[0] == "part,image,label,class" and len(lines) == 1 + 17 + 3
    assert lines[1].startswith("natural,0") and lines[-1].startswith("broken,")
    assert "18 images are wanted of" in refused(tmp_path, **{**given, "evaluation": 18}, broken=3)


# Modes


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "I;16", "YCbCr", "F"])
def test_modes(tmp_path: Path, mode: str, channels: int) -> None:
    """A plane of one grey comes out as that grey, whatever it is kept in."""
    grey = 1.0 if mode == "1" else 0.6
    byte = round(grey * 255)
    if mode == "I;16":
        image = Image.fromarray(np.full((20, 20), round(grey * 65535), np.uint16))
    elif mode == "F":
        image = Image.fromarray(np.full((20, 20), grey, np.float32))
    else:
        image = Image.new("RGB", (20, 20), (byte,) * 3)
        image = image.convert("RGBA").convert("LA") if mode == "LA" else image.convert(mode)
    path = tmp_path / f"x{'.png' if mode in ('1', 'L', 'P', 'RGB', 'RGBA', 'LA', 'I;16') else '.tif'}"
    image.save(path)
    shown = pixels.fit(folders.read(path, channels), 16, pixels.CROP)
    assert shown.shape == (channels, 16, 16) and shown.dtype == np.float32
    np.testing.assert_allclose(shown, grey, atol=0.006)


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    image = Image.new("RGBA", (20, 20), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (0, 0, 10, 20))
    image.save(tmp_path / "x.png")
    shown = pixels.fit(folders.read(tmp_path / "x.png", 3), 20, 1.0)
    assert shown[:, 5, 2].tolist() == [0, 0, 1] and shown[:, 5, 17].tolist() == [1, 1, 1]


def test_sixteen_bits_are_not_cut_to_eight(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 400).astype(np.uint16).reshape(20, 20)
    Image.fromarray(ramp).save(tmp_path / "x.png")
    shown = pixels.fit(folders.read(tmp_path / "x.png", 1), 20, 1.0)
    np.testing.assert_allclose(shown[0], ramp / 65535, atol=1e-6)
    wide = np.full((20, 20), 70000, np.int32)
    Image.fromarray(wide).save(tmp_path / "x.tif")
    with pytest.raises(BadInput, match="32 bits a pixel with values from 70000 to 70000"):
        folders.read(tmp_path / "x.tif", 1)


# Hugging Face datasets


def test_without_the_package_datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    assert "need the package 'datasets'" in refused(tmp_path, source="dataset", dataset="some/thing")


def test_a_hugging_face_dataset_on_disk(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"img": datasets.Image(), "fine": datasets.ClassLabel(names=["a", "b", "c"])}
    )
    pictures = [Image.fromarray(DRAW.integers(0, 256, (32, 32, 3), dtype=np.uint8)) for _ in range(30)]
    found = datasets.Dataset.from_dict(
        {"img": pictures, "fine": [at % 3 for at in range(30)]}, features=features
    )
    datasets.DatasetDict({"test": found}).save_to_disk(str(tmp_path / "d"))
    chosen = select(tmp_path, source="dataset", dataset=str(tmp_path / "d"), crop=1)
    assert chosen.evaluation.classes == ["a", "b", "c"]
    for name, shown in zip(chosen.evaluation.ids, chosen.evaluation.pixels, strict=True):
        truth = np.asarray(pictures[int(name.removeprefix("test/"))]).transpose(2, 0, 1) / 255
        np.testing.assert_allclose(shown, truth, atol=1e-6)
    assert "cannot be loaded: KeyError" in refused(
        tmp_path, source="dataset", dataset=str(tmp_path / "d"), split="val"
    )


def test_a_dataset_without_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = types.SimpleNamespace(features={"text": "x"})
    library = types.SimpleNamespace(load_dataset=lambda name, split: found)
    monkeypatch.setitem(sys.modules, "datasets", library)
    assert "has the columns text (str), but one of Image" in refused(
        tmp_path, source="dataset", dataset="some/thing"
    )
