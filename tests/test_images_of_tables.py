"""A folder of photographs with a table of labels, and classes that are named elsewhere."""

from pathlib import Path

import numpy as np
import pytest
from image_files import paint, refused, select, table
from kindred.images.classes import class_names
from PIL import Image


@pytest.mark.parametrize(
    ("header", "suffix"), [("file,label", ".png"), ("ImageId,TrueLabel", ""), ("path,Class", ".png")]
)
def test_a_flat_folder_with_a_table(tmp_path: Path, header: str, suffix: str) -> None:
    chosen = select(**table(tmp_path, header, suffix), crop=1)
    assert np.bincount(chosen.evaluation.labels).tolist() == [3, 3, 3, 3]
    for name, label, pixels in zip(
        chosen.evaluation.ids, chosen.evaluation.labels, chosen.evaluation.pixels, strict=True
    ):
        assert label == int(name[:3]) % 4
        truth = np.asarray(Image.open(tmp_path / "flat" / name)).transpose(2, 0, 1) / 255
        np.testing.assert_allclose(pixels, truth, atol=1e-6)


def test_a_table_of_some_classes(tmp_path: Path) -> None:
    given = table(tmp_path)
    assert select(**given, classes=1000).evaluation.classes[-1] == "999"
    assert len(select(**given, classes="imagenet").evaluation.classes) == 1000
    assert "go from 0 to 3, but there are 3 classes" in refused(**given, classes=3)
    (tmp_path / "labels.csv").write_text((tmp_path / "labels.csv").read_text().replace(",3\n", ",dog\n"))
    assert select(**given).evaluation.classes == ["0", "1", "2", "dog"]
    (tmp_path / "names.txt").write_text("2\n1\n0\n")
    assert "are not in images.classes: dog" in refused(**given, classes=str(tmp_path / "names.txt"))
    (tmp_path / "names.txt").write_text("dog\n2\n1\n0\n")
    chosen = select(**given, classes=str(tmp_path / "names.txt")).evaluation
    assert [int(name[:3]) % 4 for name in chosen.ids] == [3 - label for label in chosen.labels]
    (tmp_path / "names.txt").write_text("dog\ndog\n")
    assert "2 lines must be at least 2 names, each once" in refused(**given, classes=str(tmp_path / "names.txt"))
    assert "a file that cannot be read" in refused(**given, classes="imagnet")


def test_tables_that_are_wrong(tmp_path: Path) -> None:
    given = table(tmp_path, "picture,label")
    assert "has the columns picture, label, but none for the files" in refused(**given)
    table(tmp_path, "file,sort")
    assert "but none for the labels" in refused(**given)
    (tmp_path / "labels.csv").write_text("file,label\n000.png,1\n000.png,0\n")
    assert "names '000.png' 2 times" in refused(**given)
    (tmp_path / "labels.csv").write_text("file,label\n")
    assert "has no rows" in refused(**given)
    (tmp_path / "labels.csv").unlink()
    assert "cannot be read" in refused(**given)
    table(tmp_path)
    (tmp_path / "labels.csv").write_text("file,label\n000.png,0\n001.png,0\n")
    assert "are of 1 class" in refused(**given)


def test_imagenette_has_some_of_the_classes_of_imagenet(tmp_path: Path) -> None:
    known = class_names("imagenet")
    assert known is not None and known[0] == "n01440764" and known[217] == "n02102040"
    for name in ("n01440764", "n02102040", "n03888257"):
        for at in range(5):
            paint(tmp_path / "val" / name / f"{at}.JPEG")
    given = {"source": "folder", "folder": str(tmp_path / "val")}
    chosen = select(**given, classes="imagenet").evaluation
    assert len(chosen.classes) == 1000
    assert {known[label] for label in chosen.labels} == {"n01440764", "n02102040", "n03888257"}
    paint(tmp_path / "val" / "n99" / "x.png")
    assert "that images.classes does not name: n99 (1 of 4)" in refused(**given, classes="imagenet")
