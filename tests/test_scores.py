"""Tables of SAT brought by the user: two forms, the same numbers, and one sentence for what is wrong."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kindred import scores
from kindred.errors import BadInput

NAMES = ["NA", "b", "c", "d"]
SAT = np.array([[4.6, 2.0, 1.0, 0.5], [2.0, 4.5, 1.5, 0.2], [1.0, 1.5, 4.4, 3.0], [0.5, 0.2, 3.0, 4.3]])


def square(path: Path, values: np.ndarray = SAT, rows: list[str] = NAMES) -> Path:
    pd.DataFrame(values, index=rows, columns=NAMES).to_csv(path)
    return path


def tidy(path: Path, *attacks: str) -> Path:
    rows = [
        (attack, NAMES[j], NAMES[i], SAT[i, j] + place)
        for place, attack in enumerate(attacks)
        for i in range(4)
        for j in range(i, 4)
    ]
    table = pd.DataFrame(rows, columns=["attack", "model_a", "model_b", "sat"])
    table.sample(frac=1, random_state=1).assign(sat=lambda t: t["sat"].clip(upper=4.6)).to_csv(
        path, index=False
    )
    return path


def test_both_forms_say_the_same(tmp_path: Path) -> None:
    one = scores.read(square(tmp_path / "a.csv"))
    other = scores.read(tidy(tmp_path / "b.csv", "pgd")).of(one.models)
    assert one.models == other.models == tuple(NAMES)
    np.testing.assert_array_equal(one.sat, SAT)
    np.testing.assert_allclose(other.sat, SAT)


def test_an_attack_is_chosen(tmp_path: Path) -> None:
    path = tidy(tmp_path / "b.csv", "pgd", "other")
    assert sorted(scores.attacks(path)) == ["other", "pgd"]
    assert scores.read(path, "other").of(["NA", "d"]).sat[0, 1] == pytest.approx(1.5)
    with pytest.raises(BadInput, match=r"name one in sat\.attack"):
        scores.read(path)
    with pytest.raises(BadInput, match="holds no attack 'pdg'; it holds"):
        scores.read(path, "pdg")


def test_pairs_are_each_unordered_pair_once() -> None:
    first, second = scores.Scores(tuple(NAMES), SAT).pairs()
    assert list(zip(first, second, strict=True)) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]


def test_what_is_no_table_of_sat(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    with pytest.raises(BadInput, match="cannot be read"):
        scores.read(path)
    with pytest.raises(BadInput, match="is no table of SAT"):
        scores.read(square(path, rows=["b", "NA", "c", "d"]))
    crooked = SAT.copy()
    crooked[0, 1] = 2.1
    with pytest.raises(BadInput, match="is not symmetric"):
        scores.read(square(path, crooked))
    with pytest.raises(BadInput, match="holds a SAT of 10; it can be at most ln 100"):
        scores.read(square(path, np.where(np.eye(4) > 0, 10.0, SAT)))
    table = pd.read_csv(tidy(path, "pgd"), keep_default_na=False)
    table.iloc[1:].to_csv(path, index=False)
    with pytest.raises(BadInput, match="0 times; each pair must be there once"):
        scores.read(path)
    with pytest.raises(BadInput, match="has no model 'x'"):
        scores.Scores(tuple(NAMES), SAT).of(["x"])


def test_an_empty_cell_is_an_undefined_pair(tmp_path: Path) -> None:
    holed = SAT.copy()
    holed[0, 1] = holed[1, 0] = np.nan
    assert np.isnan(scores.read(square(tmp_path / "a.csv", holed)).sat[0, 1])
