"""Names of files and classes in any encoding, up to the list of the chosen; what tables mean by a name."""

import csv
import os
import shutil
import unicodedata
from pathlib import Path

import pytest
from image_files import filled, paint, refused, select
from kindred.images import images, listed

from scripts import Place, run

LATIN = b"caf\xe9"  # in Latin-1, and no UTF-8
JAPANESE = "猫".encode("shift_jis")


def photographs(root: Path, names: tuple[bytes, ...] = (b"ant", b"bee"), each: int = 8) -> dict[str, str]:
    for name in names:
        for at in range(each):
            paint(root / os.fsdecode(name) / f"{at}.png", (8, 8))
    return {"source": "folder", "folder": str(root)}


def rename(path: Path, name: bytes) -> None:
    path.rename(path.with_name(os.fsdecode(name)))


def test_names_that_are_no_utf8_go_through_to_the_list(tmp_path: Path) -> None:
    given = photographs(tmp_path / "img", (b"ant", LATIN))
    rename(tmp_path / "img" / "ant" / "0.png", LATIN + b".png")
    rename(tmp_path / "img" / "ant" / "1.png", JAPANESE + b"\n.PNG")
    settings = filled(**given, size=8, evaluation=16)
    del settings["broken"]
    own = {"settings": settings, "module": "kindred.images.folders", "config": {"images": {"broken": 0}}}
    stores = {part: str(tmp_path / f"{part}.zarr") for part in ("natural", "training")}
    run("select_evaluation_images", Place(tmp_path, {"natural": "natural.zarr"}, {}, **own))
    run("select_training_images", Place(tmp_path, {"training": "training.zarr"}, {"natural": stores["natural"]}, **own))
    run("list_images", Place(tmp_path, {"listing": "chosen.csv"}, stores))
    with open(tmp_path / "chosen.csv", newline="", encoding="utf-8") as file:
        rows = {row["image"]: row for row in csv.DictReader(file)}
    assert len(rows) == 16
    assert rows[r"ant/caf\xe9.png"]["class"] == rows[r"ant/\x94L\x0a.PNG"]["class"] == "ant"
    assert rows[r"caf\xe9/0.png"]["class"] == r"caf\xe9"
    assert images.load(stores["natural"]).classes == ["ant", r"caf\xe9"]


def test_a_broken_image_of_such_a_name_is_told_in_one_line(tmp_path: Path) -> None:
    given = photographs(tmp_path)
    rename(tmp_path / "ant" / "0.png", LATIN + b"\n.png")
    (tmp_path / "ant" / os.fsdecode(LATIN + b"\n.png")).write_bytes(b"no image")
    assert r"the image 'ant/caf\xe9\x0a.png' of" in refused(**given, size=8, evaluation=16)


@pytest.mark.parametrize("name", [LATIN, JAPANESE, b"\xff\xfe", "é猫".encode(), b"a\nb\x7f", b"plain", b"\x00"])
def test_names_as_text_can_be_turned_back(name: bytes) -> None:
    text = listed.readable(os.fsdecode(name))
    assert text.encode() and text.isprintable()
    assert os.fsencode(listed.from_readable(text)) == name


def test_two_names_that_become_the_same_text_are_refused(tmp_path: Path) -> None:
    given = photographs(tmp_path)
    rename(tmp_path / "ant" / "0.png", LATIN + b".png")
    rename(tmp_path / "ant" / "1.png", rb"caf\xe9.png")
    assert rf"2 files in '{tmp_path}' are called 'ant/caf\xe9.png' once written" in refused(**given)
    paint(tmp_path / os.fsdecode(LATIN) / "0.png")
    paint(tmp_path / r"caf\xe9" / "0.png")
    assert rf"two folders in '{tmp_path}' are called 'caf\xe9' once written as text" in refused(**given)


def test_classes_that_a_file_names_may_be_such_names(tmp_path: Path) -> None:
    given = photographs(tmp_path / "img", (b"ant", LATIN))
    (tmp_path / "names.txt").write_text("caf\\xe9\nant\n")
    chosen = select(**given, size=8, classes=str(tmp_path / "names.txt")).evaluation
    assert all((label == 0) == name.startswith("caf") for name, label in zip(chosen.ids, chosen.labels, strict=True))


@pytest.mark.parametrize(
    ("file", "named", "found"),
    [
        (b"a.JPEG", "a", "a.JPEG"),
        (b"a.PnG", "a.png", "a.PnG"),
        (b"a.jpg", "a.JPG", "a.jpg"),
        (b"deep/a.TIFF", "deep/a", "deep/a.TIFF"),
        (b"a.b.Png", "a.b", "a.b.Png"),
        (LATIN + b".JPG", r"caf\xe9", r"caf\xe9.JPG"),
        (rb"caf\xe9.png", r"caf\xe9.png", r"caf\xe9.png"),
        (unicodedata.normalize("NFD", "café.png").encode(), unicodedata.normalize("NFC", "café"), None),
        (unicodedata.normalize("NFC", "café.png").encode(), unicodedata.normalize("NFD", "café.png"), None),
    ],
)
def test_what_a_table_means_by_a_name(file: bytes, named: str, found: str | None, tmp_path: Path) -> None:
    given = photographs(tmp_path / "img", (b"flat",), 15)
    path = tmp_path / "img" / os.fsdecode(file)
    paint(path.with_name("x.png"))
    path.with_name("x.png").rename(path)
    rows = [f"{named},0", *(f"flat/{at}.png,{at % 2}" for at in range(15))]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label", *rows]) + "\n", encoding="utf-8")
    table = {**given, "source": "table", "labels": str(tmp_path / "labels.csv")}
    assert (found or os.fsdecode(file)) in select(**table, size=8, evaluation=16).evaluation.ids


def test_the_very_name_comes_before_others(tmp_path: Path) -> None:
    """Files that differ in their suffix alone stay apart."""
    for at, suffix in enumerate((".png", ".PNG", ".jpg", ".bmp")):
        paint(tmp_path / f"a{suffix}", (8, 8))
        for number in range(3):
            shutil.copy(tmp_path / f"a{suffix}", tmp_path / f"b{at}{number}.png")
    names = ["a.PNG", "a.bmp", "a", *(f"b{at}{number}" for at in range(4) for number in range(3))]
    rows = [f"{name},{at % 2}" for at, name in enumerate(names)]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label", *rows]) + "\n")
    given = {"source": "table", "folder": str(tmp_path), "labels": str(tmp_path / "labels.csv"), "size": 8}
    ids = select(**given, evaluation=15).evaluation.ids
    assert {"a.PNG", "a.bmp", "a.jpg"} <= set(ids) and "a.png" not in ids
