"""Which files of a folder are images, which folders its classes, in which order, and what is passed over and told."""

import logging
import os
import shutil
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_files import paint, refused, select
from kindred.images import folders, listed
from kindred.images.pool import Pool
from kindred.workflow.errors import BadInput

CLASSES = ("ant", "bee")
SETTINGS = {"classes": None, "channels": 3}


def photographs(root: Path, names: tuple[str, ...] = CLASSES, each: int = 6) -> dict[str, Any]:
    for name in names:
        for at in range(each):
            paint(root / name / f"{at}.png", (8, 8))
    return {"source": "folder", "folder": str(root), "size": 8, "crop": 1}


def scan(root: Path, **given: Any) -> Pool:
    return folders.per_class({**SETTINGS, "folder": str(root), **given}, "folder")


def test_what_is_hidden_is_passed_over_at_every_depth(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    photographs(tmp_path)
    hidden = (".ipynb_checkpoints", ".git/objects", "__MACOSX/ant", "@eaDir", "ant/.thumbs", "ant/deep/.cache/x")
    for name in (*hidden, "bee/__MACOSX", "bee/deeper/@eaDir/1.png"):
        paint(tmp_path / name / "copy.png", (8, 8))
    paint(tmp_path / "ant" / "deep" / "seen.png", (8, 8))
    shutil.copy(tmp_path / "ant" / "0.png", tmp_path / "ant" / "._0.png")
    with caplog.at_level(logging.INFO, logger="kindred"):
        found = scan(tmp_path)
    assert found.classes == list(CLASSES)
    assert found.ids == sorted([f"{name}/{at}.png" for name in CLASSES for at in range(6)] + ["ant/deep/seen.png"])
    assert [text for text in caplog.messages if "not read" in text] == [
        f"not read in '{tmp_path}': 9 hidden files or folders"
    ]


def test_all_that_is_passed_over_is_counted_in_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = tmp_path / "img"
    photographs(root)
    photographs(tmp_path / "elsewhere")
    for at in range(3):
        (root / "ant" / f"{at}.HEIC").write_bytes(b"x")
    (root / "bee" / "deep").mkdir()
    (root / "bee" / "deep" / "README").write_text("x")
    (root / "classes.txt").write_text("x")
    paint(root / "preview.png", (8, 8))
    (root / "bee" / "more").symlink_to(tmp_path / "elsewhere" / "bee")
    (root / "bee" / "round").symlink_to(root / "bee")
    os.mkfifo(root / "ant" / "pipe.png")
    with caplog.at_level(logging.WARNING, logger="kindred"):
        found = scan(root)
    assert len(found.ids) == 12
    assert caplog.messages == [
        f"not read in '{root}': 5 files that do not end as images do: .heic (3), .txt (1), no suffix (1); "
        "1 images beside the folders of classes; 2 links to folders within a class, which are not followed; 1 pipes, "
        "sockets or devices"
    ]


def test_nothing_is_told_where_nothing_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    photographs(tmp_path)
    with caplog.at_level(logging.INFO, logger="kindred"):
        scan(tmp_path)
    assert caplog.messages == []


def test_links_to_files_and_classes_are_followed(tmp_path: Path) -> None:
    photographs(tmp_path / "a")
    (tmp_path / "b" / "ant").mkdir(parents=True)
    for path in (tmp_path / "a" / "ant").iterdir():
        (tmp_path / "b" / "ant" / path.name).symlink_to(path)
    (tmp_path / "b" / "bee").symlink_to(tmp_path / "a" / "bee")
    assert scan(tmp_path / "b").ids == scan(tmp_path / "a").ids
    # A link that leads nowhere is an image that is missing.
    (tmp_path / "a" / "ant" / "0.png").unlink()
    (tmp_path / "b" / "ant" / "1.png").unlink()
    (tmp_path / "b" / "ant" / "1.png").symlink_to("1.png")  # round and round
    assert len(scan(tmp_path / "b").ids) == 12
    given = {"source": "folder", "folder": str(tmp_path / "b"), "size": 8, "evaluation": 12}
    assert "2 of the first" in refused(**given, broken=1)


def test_pipes_and_sockets_are_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening a pipe would wait for ever, in a folder and where a table names it."""
    given = photographs(tmp_path)
    monkeypatch.chdir(tmp_path)
    os.mkfifo("ant/6.png")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("bee/6.png")
        (tmp_path / "ant" / "7.png").symlink_to("6.png")
        assert len(select(**given, evaluation=12).evaluation) == 12
        rows = [f"{name}/{at}.png,{name}" for name in CLASSES for at in range(7)]
        Path("labels.csv").write_text("\n".join(["file,label", *rows]) + "\n")
        given |= {"source": "table", "labels": "labels.csv", "evaluation": 12}
        assert select(**given, broken=2).broken.keys() <= {"ant/6.png", "bee/6.png"}
        assert "it is no regular file" in refused(**{**given, "evaluation": 14})


@pytest.mark.parametrize(
    ("names", "order"),
    [
        ([str(at) for at in range(12)], [str(at) for at in range(12)]),
        (["007", "10", "9", "0"], ["0", "007", "9", "10"]),
        (["00", "1", "02"], ["00", "1", "02"]),
        (["9" * 5000, "1" + "0" * 4999, "8"], ["8", "1" + "0" * 4999, "9" * 5000]),
        # Not all of them numbers: as text, as torchvision sorts them.
        (["10", "9", "other"], ["10", "9", "other"]),
        (["10", "9", "²"], ["10", "9", "²"]),
        (["10", "9", "-1"], ["-1", "10", "9"]),
        (["class10", "class9"], ["class10", "class9"]),
    ],
)
def test_classes_are_sorted_as_numbers_where_all_are(names: list[str], order: list[str]) -> None:
    assert folders.in_order(names, Path("x")) == order
    assert folders.in_order(names[::-1], Path("x")) == order


def test_numbered_folders_have_the_labels_of_their_numbers(tmp_path: Path) -> None:
    photographs(tmp_path, tuple(str(at) for at in range(12)), 2)
    found = scan(tmp_path)
    assert found.classes == [str(at) for at in range(12)]
    assert [int(name.split("/")[0]) for name in found.ids] == found.labels.tolist()
    # A list of classes decides, where there is one.
    (tmp_path / "names.txt").write_text("\n".join(map(str, reversed(range(12)))))
    found = scan(tmp_path, classes=str(tmp_path / "names.txt"))
    assert [11 - int(name.split("/")[0]) for name in found.ids] == found.labels.tolist()


@pytest.mark.parametrize("names", [("1", "01"), ("0", "2", "000")])
def test_folders_of_the_same_number_are_refused(names: tuple[str, ...], tmp_path: Path) -> None:
    photographs(tmp_path, names)
    with pytest.raises(BadInput, match="are the same number; rename one, or have"):
        scan(tmp_path)
    (tmp_path / "names.txt").write_text("\n".join(names))
    assert scan(tmp_path, classes=str(tmp_path / "names.txt")).classes == list(names)


@pytest.mark.parametrize(
    ("parts", "key", "meant"),
    [
        (("train", "val"), "folder", "images.folder is probably '{}/val' and images.training_folder '{}/train'"),
        (("train", "val"), "training_folder", "images.training_folder is probably '{}/train'"),
        (
            ("Training", "TEST"),
            "folder",
            "images.folder is probably '{}/TEST' and images.training_folder '{}/Tr",
        ),
        (("valid", "test", "train"), "folder", "images.folder is probably '{}/valid' and images.training_folder"),
        (("train2017", "Validation_2"), "folder", "images.folder is probably '{}/Validation_2'"),
        (("train",), "folder", "images.folder is probably '{}/train' (if"),
        (("train", "annotations"), "folder", "holds 'train': parts of a set"),
    ],
)
def test_the_folder_above_the_parts_is_refused(tmp_path: Path, parts: tuple[str, ...], key: str, meant: str) -> None:
    for part in parts:
        photographs(tmp_path / part)
    with pytest.raises(BadInput) as caught:
        folders.per_class({**SETTINGS, key: str(tmp_path)}, key)
    assert meant.format(tmp_path, tmp_path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_part_without_labels_does_not_hide_the_other(tmp_path: Path) -> None:
    photographs(tmp_path / "train")
    for at in range(5):
        paint(tmp_path / "test" / f"{at}.png", (8, 8))
    with pytest.raises(BadInput, match=r"holds 'test' and 'train': .* is probably '.*/train'"):
        scan(tmp_path)


def test_classes_that_are_called_like_parts_are_classes(tmp_path: Path) -> None:
    """A train is a vehicle: its images lie in its folder, or images.classes names it."""
    photographs(tmp_path, ("car", "train"))
    paint(tmp_path / "train" / "deeper" / "x.png", (8, 8))
    assert scan(tmp_path).classes == ["car", "train"]
    photographs(tmp_path / "nested" / "train", ("freight", "steam"))
    photographs(tmp_path / "nested", ("car",))
    (tmp_path / "names.txt").write_text("car\ntrain\n")
    assert scan(tmp_path / "nested", classes=str(tmp_path / "names.txt")).classes == ["car", "train"]


def test_folders_above_others_than_train_and_val_are_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As ImageNet-C has its severities above the classes."""
    for severity in "123":
        photographs(tmp_path / severity)
    with caplog.at_level(logging.WARNING, logger="kindred"):
        found = scan(tmp_path)
    assert found.classes == ["1", "2", "3"] and np.bincount(found.labels).tolist() == [12, 12, 12]
    assert caplog.messages == [
        f"each of the 3 classes of '{tmp_path}' (1, 2, 3) holds the same folders (ant, bee); if those are the classes, "
        "images.folder must be the folder of one of them"
    ]


def test_a_folder_that_cannot_be_listed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photographs(tmp_path)

    def closed(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(listed.os, "scandir", closed)
    with pytest.raises(BadInput, match=r"the folder '.*' cannot be listed: .*Permission denied"):
        scan(tmp_path)
