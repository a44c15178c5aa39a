"""What README says that the default study shows is its table of claims, docs/claims-default.csv, and no more."""

import re

import pandas as pd
import pytest
from kindred.claims.catalogue import CLAIMS
from workflow import ROOT

SNAPSHOT = pd.read_csv(ROOT / "docs" / "claims-default.csv", index_col="claim")
SECTION = (ROOT / "README.md").read_text(encoding="utf-8").partition("## What the default study shows\n")[2]
SECTION = SECTION.partition("\n## ")[0]
ROW = re.compile(r"^\| (?P<text>[^|]+) \| (?P<value>[^|]+) \| (?P<low>[^|]+) to (?P<high>[^|]+) \| (?P<verdict>\w+) \|", re.M)
ROWS = {row["text"]: row for row in ROW.finditer(SECTION)}


def test_the_snapshot_and_readme_have_every_claim() -> None:
    assert list(SNAPSHOT.index) == list(CLAIMS)
    assert list(ROWS) == [claim.text for claim in CLAIMS.values()]


@pytest.mark.parametrize("claim", CLAIMS)
def test_readme_gives_the_value_interval_and_verdict_of_the_snapshot(claim: str) -> None:
    told, row = ROWS[CLAIMS[claim].text], SNAPSHOT.loc[claim]
    for name in ("value", "low", "high"):
        assert float(told[name].replace("−", "-")) == pytest.approx(row[name], abs=0.00501)
    assert told["verdict"] == row["verdict"]


def test_the_verdicts_of_the_snapshot_follow_from_its_intervals() -> None:
    low, high = (SNAPSHOT["sign"] * SNAPSHOT[name] for name in ("low", "high"))
    low, high = low.combine(high, min), low.combine(high, max)
    expected = pd.Series("undecided", SNAPSHOT.index).mask(low > 0, "supported").mask(high < 0, "contradicted")
    assert list(SNAPSHOT["verdict"]) == list(expected)


def test_counts_of_verdicts_in_words_are_those_of_the_snapshot() -> None:
    counts = SNAPSHOT["verdict"].value_counts()
    words = re.search(r"(\d+) of (\d+) claims are supported, (\d+) contradicted, (\d+) undecided", " ".join(SECTION.split()))
    assert words is not None
    found = [int(number) for number in words.groups()]
    assert found == [counts.get("supported", 0), len(SNAPSHOT), counts.get("contradicted", 0), counts.get("undecided", 0)]
