"""Tables of SAT from the user: two forms of the same values, and errors."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kindred.analyses import scores
from kindred.workflow.errors import BadInput

NAMES = ["NA", "b", "c", "d"]
SAT = np.array([[4.6, 2.0, 1.0, 0.5], [2.0, 4.5, 1.5, 0.2], [1.0, 1.5, 4.4, 3.0], [0.5, 0.2, 3.0, 4.3]])


def square(path: Path, values: np.ndarray = SAT, rows: list[str] = NAMES) -> Path:
    pd.DataFrame(values, index=rows, columns=NAMES).to_csv(path)
    return path


def tidy(path: Path, *attacks: str) -> Path:
    rows = [
        (attack, NAMES[j], NAMES[i], SAT[i, j] + offset)
        for offset, attack in enumerate(attacks)
        for i in range(4)
        for j in range(i, 4)
    ]
    table = pd.DataFrame(rows, columns=["attack", "model_a", "model_b", "sat"])
    table.sample(frac=1, random_state=1).assign(sat=lambda t: t["sat"].clip(upper=4.6)).to_csv(path, index=False)
    return path


def test_both_forms_hold_the_same_values(tmp_path: Path) -> None:
    first = scores.read(square(tmp_path / "a.csv"))
    second = scores.read(tidy(tmp_path / "b.csv", "pgd")).of(first.models)
    assert first.models == second.models == tuple(NAMES)
    np.testing.assert_array_equal(first.sat, SAT)
    np.testing.assert_allclose(second.sat, SAT)


def test_attack_of_a_tidy_table(tmp_path: Path) -> None:
    path = tidy(tmp_path / "b.csv", "pgd", "other")
    assert scores.read(path, "other").of(["NA", "d"]).sat[0, 1] == pytest.approx(1.5)
    with pytest.raises(BadInput, match=r"name one of them in sat\.attack"):
        scores.read(path)
    with pytest.raises(BadInput, match="does not hold the attack 'pdg'; it holds"):
        scores.read(path, "pdg")


def test_pairs_hold_each_unordered_pair_once() -> None:
    first, second = scores.Scores(tuple(NAMES), SAT).pairs()
    assert list(zip(first, second, strict=True)) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]


def test_invalid_tables_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    with pytest.raises(BadInput, match="cannot be read"):
        scores.read(path)
    with pytest.raises(BadInput, match="is not a table of SAT"):
        scores.read(square(path, rows=["b", "NA", "c", "d"]))
    asymmetric = SAT.copy()
    asymmetric[0, 1] = 2.1
    with pytest.raises(BadInput, match="is not symmetric"):
        scores.read(square(path, asymmetric))
    with pytest.raises(BadInput, match="holds a SAT of 10; it can be at most ln 100"):
        scores.read(square(path, np.where(np.eye(4) > 0, 10.0, SAT)))
    table = pd.read_csv(tidy(path, "pgd"), keep_default_na=False)
    table.iloc[1:].to_csv(path, index=False)
    with pytest.raises(BadInput, match="0 times; it must hold each pair once"):
        scores.read(path)
    with pytest.raises(BadInput, match="has no model 'x'"):
        scores.Scores(tuple(NAMES), SAT).of(["x"])


def test_empty_cells_are_undefined_pairs(tmp_path: Path) -> None:
    holed = SAT.copy()
    holed[0, 1] = holed[1, 0] = np.nan
    assert np.isnan(scores.read(square(tmp_path / "a.csv", holed)).sat[0, 1])
