"""Labels as files hold them: which are numbers, which are names, and which are refused."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_files import paint, refused, select
from kindred.images.classes import MOST_CLASSES, class_names, numbered
from kindred.workflow.errors import BadInput


def of(values: list[Any], given: int | str | None = None) -> tuple[list[int], list[str]]:
    labels, names = numbered(values, given, "x.csv")
    assert labels.dtype == np.int64
    return labels.tolist(), names


def message(values: list[Any], given: int | str | None = None) -> str:
    with pytest.raises(BadInput) as caught:
        numbered(values, given, "x.csv")
    text = str(caught.value)
    assert "\n" not in text and len(text) < 400 and "'x.csv'" in text
    return text


@pytest.mark.parametrize(
    "form", ["{}.0", "{}.", " {} ", "{:03d}", "+{}", "{}e0", "{}0e-1", "0.{:02d}E2", "{:.18e}", "{}.000000"]
)
def test_whole_numbers_are_numbers_however_they_are_written(form: str) -> None:
    """pandas writes 10.0 where a value of the column is missing, numpy.savetxt 1.000000000000000000e+01."""
    values = [2, 10, 0, 11, 9]
    written = [form.format(value) for value in values]
    assert of(written) == (values, [str(at) for at in range(12)])


def test_values_of_arrays() -> None:
    names = ["0", "1", "2"]
    for kind in ("uint8", "int64", "float32", "float64", "float16"):
        assert of(np.array([2, 0, 1], kind).tolist()) == ([2, 0, 1], names)
    assert of(np.array([-0.0, 1.0]).tolist()) == ([0, 1], ["0", "1"])
    assert of(np.array([b"cat", b"ant", "é".encode()]).tolist()) == ([1, 0, 2], ["ant", "cat", "é"])
    assert of(np.array([True, False]).tolist()) == ([1, 0], ["False", "True"])


@pytest.mark.parametrize("ending", ["nan", "NaN", "", None, float("nan"), "None", "inf", float("-inf")])
def test_missing_labels(ending: Any) -> None:
    assert "are missing in places: '" in message(["0", "1.0", ending])


def test_a_name_that_looks_missing_is_a_name() -> None:
    assert of(["naan", "nan", "none"]) == ([0, 1, 2], ["naan", "nan", "none"])
    assert "missing in places: ''" in message(["naan", ""])


@pytest.mark.parametrize("value", ["2.5", 0.1, "1e-3", "-0.5", "1e-999999"])
def test_numbers_that_are_not_whole(value: Any) -> None:
    assert f"must be whole numbers or names, but are {value}" in message([0, 1, value])


@pytest.mark.parametrize("value", [10**12, 1e30, "1e999999", "9" * 5000, -(10**12), MOST_CLASSES, 2.0**63])
def test_numbers_that_are_no_labels(value: Any) -> None:
    assert f"must be below {MOST_CLASSES:,}, the most classes, but are {str(value)[:40]}" in message([0, 1, value])
    assert "must be below" in message([0, 1, value], "imagenet")


def test_negative_labels() -> None:
    assert "go from -1 to 1, but there are 2 classes, 0 to 1" in message([0, 1, -1])
    assert "go from -3 to -1, but there are" in message([-1, -2, -3], 5)


@pytest.mark.parametrize("value", ["²", "１０", "٣", "+²"])
def test_other_digits(value: str) -> None:
    assert f"are written with other digits than 0 to 9: {value}" in message(["0", "1", value])


def test_numerals_may_be_names(tmp_path: Path) -> None:
    assert of(["三", "一", "二"])[1] == ["一", "三", "二"]
    (tmp_path / "names.txt").write_text("²\n¹\n", encoding="utf-8")
    assert of(["¹", "²"], str(tmp_path / "names.txt")) == ([1, 0], ["²", "¹"])


def test_names_that_are_numbers_go_by_name(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("10\n20\n3\n")
    assert of([3, 10, 20], str(tmp_path / "names.txt"))[0] == [2, 0, 1]
    assert of([0, 1, 2], str(tmp_path / "names.txt"))[0] == [0, 1, 2]


def test_numbers_among_names_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="kindred"):
        assert of(["2", "10", "dog"])[1] == ["10", "2", "dog"]
        of(["cat", "dog"])
        of(["0", "10"])
    assert caplog.messages == [
        "labels in 'x.csv' are partly numbers (2, 10) and partly not (dog): all are taken for names, sorted as text"
    ]


def test_too_many_or_no_classes() -> None:
    assert "are of 100,001 classes, but at most 100,000" in message([f"n{at}" for at in range(MOST_CLASSES + 1)])
    assert "holds no labels" in message([])
    with pytest.raises(BadInput, match=r"images\.classes is 1,000,000,000,000, but must be at most 100,000"):
        class_names(10**12)
    assert len(of([0, MOST_CLASSES - 1])[1]) == MOST_CLASSES


def test_a_table_with_labels_as_pandas_writes_them(tmp_path: Path) -> None:
    """10.0 comes before 2.0 as text, and would become class 2."""
    rows = []
    for at in range(24):
        paint(tmp_path / "img" / f"{at:02d}.png", (8, 8))
        rows.append(f"{at:02d}.png,{float(at % 12)}")
    (tmp_path / "labels.csv").write_text("\n".join(["file,label", *rows]) + "\n")
    given = {"source": "table", "folder": str(tmp_path / "img"), "labels": str(tmp_path / "labels.csv"), "size": 8}
    chosen = select(**given, evaluation=24).evaluation
    assert [int(name[:2]) % 12 for name in chosen.ids] == chosen.labels.tolist()
    (tmp_path / "labels.csv").write_text("\n".join(["file,label", *rows[:-1], "23.png,"]) + "\n")
    assert "are missing in places" in refused(**given)
