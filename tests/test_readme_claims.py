"""What README says of the papers' claims in the default study is the snapshot docs/claims-default.csv, and no more."""

import re

import pandas as pd
import pytest
from kindred.claims.catalogue import CLAIMS
from workflow import ROOT

SNAPSHOT = pd.read_csv(ROOT / "docs" / "claims-default.csv", index_col="claim")
SECTION = (ROOT / "README.md").read_text(encoding="utf-8").partition("## What the default study shows\n")[2]
SECTION = SECTION.partition("\n## ")[0]
ROW = re.compile(
    r"^\| (?P<text>[^|]+) \| (?P<value>[^|]+) \| (?P<low>[^|]+) to (?P<high>[^|]+) \| (?P<verdict>\w+) \|", re.M
)
ROWS = {row["text"]: row for row in ROW.finditer(SECTION)}


def test_readme_has_every_claim_of_the_snapshot_and_no_other() -> None:
    assert list(SNAPSHOT.index) == [claim for claim in CLAIMS if claim in SNAPSHOT.index]
    assert list(ROWS) == [CLAIMS[claim].text for claim in SNAPSHOT.index]
    assert list(SNAPSHOT["text"]) == list(ROWS)


def test_the_snapshot_has_the_claims_that_plain_snakemake_makes_tables_for() -> None:
    papers_alone = ("cianfarani/", "ensemble_gains", "distillation_summary", "regression")
    plain = [name for name, claim in CLAIMS.items() if not any(one.startswith(papers_alone) for one in claim.tables)]
    assert list(SNAPSHOT.index) == plain


@pytest.mark.parametrize("claim", SNAPSHOT.index)
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
    words = re.search(
        r"(\d+) of (\d+) claims are supported, (\d+) contradicted, (\d+) undecided", " ".join(SECTION.split())
    )
    assert words is not None
    found = [int(number) for number in words.groups()]
    assert found == [
        counts.get("supported", 0),
        len(SNAPSHOT),
        counts.get("contradicted", 0),
        counts.get("undecided", 0),
    ]
