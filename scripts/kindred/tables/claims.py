"""The table of claims: one row for each claim of the papers that the study has data for."""

from collections.abc import Iterable
from importlib import import_module

import numpy as np
import pandas as pd

from kindred.claims.catalogue import CLAIMS, MODULES
from kindred.claims.statistics import Statistic, Tables, verdict

COLUMNS = [
    "claim", "paper", "text", "statistic", "sign", "value", "low", "high", "p", "models", "images", "verdict", "caveat",
]  # fmt: skip
NOTHING = Statistic(np.nan, np.nan, np.nan, np.nan, 0, None, "the study has no models to tell")


def claims_table(names: Iterable[str], tables: Tables) -> pd.DataFrame:
    """A row for each of these claims, in their order; `text` and `statistic` in words, `sign` what supports it.

    tables: those that the claims need, by their names in the catalogue.
    """
    rows = []
    for name in names:
        claim = CLAIMS[name]
        found = getattr(import_module(MODULES[claim.paper]), name)(tables) or NOTHING
        about = {"claim": name, "paper": claim.paper, "text": claim.text, "statistic": claim.statistic}
        rows.append({**about, "sign": claim.sign, **vars(found), "verdict": verdict(found, claim.sign)})
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.astype({"images": "Int64"})
