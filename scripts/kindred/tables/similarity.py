"""Tables of similarity: models with models, and layers with layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations_with_replacement, product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from kindred.similarity import significance
from kindred.tables.tables import demand_each_once, in_order, of_study, pairs_of, values, with_one_set_of_weights
from kindred.workflow import store
from kindred.workflow.errors import BadInput

CKA_COLUMNS = [
    *("stimuli", "inverter", "model_a", "model_b", "layer_a", "layer_b", "measure"),
    *("value", "low", "high", "spread", "null", "calibrated", "unconverged", "n", "z", "p", "q"),
]
LAYER_COLUMNS = "stimuli model_a layer_a model_b layer_b measure value low high null n".split()  # noqa: SIM905


def cka_table(stimuli: str, tiles: Iterable[str], models: Sequence[str], symmetric: bool) -> pd.DataFrame:
    """Similarities of penultimate features, model x model, on one kind of stimuli.

    symmetric: each unordered pair once, in the order of `models`, including each model with itself; else each
    ordered pair, model_a being the inverter. Raises BadInput for a missing or repeated pair.
    """
    frames = [pd.DataFrame(columns=["model_a", "model_b", "measure"])]
    for path in with_one_set_of_weights(tiles):
        # p by permutation, of natural images, and spread over pairings, of inverted ones.
        stored = ("value", "low", "high", "null", "p" if symmetric else "spread")
        columns = {name: values(path, name) for name in stored}
        pairs = pairs_of(path, "model_a", "model_b").assign(n=values(path, "n"))
        for row, measure in enumerate(store.strings(path, "measure")):
            found = {name: column[row] for name, column in columns.items()}
            frames.append(of_study(pairs.assign(measure=measure, **found), models, unordered=symmetric))
    table = pd.concat([frame for frame in frames if len(frame)] or frames)
    wanted: Iterable[tuple[str, ...]] = (
        combinations_with_replacement(models, 2) if symmetric else product(models, repeat=2)
    )
    demand_each_once(stimuli, table, "measure", wanted, "compare_activations compare_inverted")
    table = table.reindex(columns=[*table.columns, "spread" if symmetric else "p"])
    table = table.assign(stimuli=stimuli, layer_a="penultimate", layer_b="penultimate")
    table["inverter"] = "" if symmetric else table["model_a"]
    return in_order(table, models, "measure", "model_a", "model_b")


def tested(table: pd.DataFrame, debiased: Sequence[str]) -> pd.DataFrame:
    """The rows of `cka_table` of all stimuli, with z, p and q against images paired at random (`significance`).

    Only for different models on natural images: a model with itself is 1 by construction, and two models on images
    inverted through one of them are no independent features even without any relation. Debiased measures have z and p
    in closed form; of others p by permutation stays where it was computed. q is the false discovery rate over all tests
    of the table.
    """
    testable = (table["stimuli"] == "natural") & (table["model_a"] != table["model_b"])
    closed = testable & table["measure"].isin(debiased)
    z, p = significance.against_random_pairing(table["value"], table["n"])
    table = table.assign(z=np.where(closed, z, np.nan), p=np.where(closed, p, table["p"].where(testable)))
    return table.assign(q=significance.false_discovery(table["p"]))[CKA_COLUMNS]


def calibrated(
    table: pd.DataFrame, largest: Mapping[str, float | None], inversions: pd.DataFrame | None = None
) -> pd.DataFrame:
    """The rows of `cka_table` with the calibrated value, and the share of images that have not converged.

    largest: the largest value of each measure, None where it is unknown. inversions: the rows of inversions.csv; the
    share is of the inverter's images that are compared, so 0 where others are left out, and empty on natural images.
    """
    top = table["measure"].map(largest).astype(float)
    table = table.assign(calibrated=significance.calibrated(table["value"], table["null"], top), unconverged=np.nan)
    if inversions is None or inversions.empty:
        return table
    share = inversions["above"].where(inversions["left_out"] == 0, 0.0)
    known = dict(zip(zip(inversions["inversion"], inversions["model"], strict=True), share, strict=True))
    pairs = zip(table["stimuli"], table["inverter"], strict=True)
    return table.assign(unconverged=[known.get(pair, np.nan) for pair in pairs])


def layers_table(
    stimuli: str,
    tiles: Iterable[str],
    models: Sequence[str],
    wanted: Sequence[tuple[str, str]],
    measures: Sequence[str],
) -> pd.DataFrame:
    """Layer x layer similarities of the wanted pairs of models (in either order), layers in forward order.

    Raises BadInput for a pair that no tile holds.
    """
    tiles = with_one_set_of_weights(tiles)
    pairs = {frozenset(pair) for pair in wanted}
    frames = []
    seen: set[frozenset[str]] = set()
    for path in tiles:
        owner = np.array(store.strings(path, "layer_model"))
        name = np.array(store.strings(path, "layer_name"))
        cubes = {
            measure: {column: values(path, f"layers_{measure}_{column}") for column in ("value", "error", "null")}
            for measure in measures
        }
        n = store.attributes(path)["images"]
        held = [model for model in models if model in set(owner)]
        for index, first in enumerate(held):
            for second in held[index:]:
                if frozenset((first, second)) not in pairs - seen:
                    continue
                seen.add(frozenset((first, second)))
                rows, columns = np.flatnonzero(owner == first), np.flatnonzero(owner == second)
                block = np.ix_(rows, columns)
                for measure, cube in cubes.items():
                    about = {"stimuli": stimuli, "model_a": first, "model_b": second}
                    found = {column: matrix[block] for column, matrix in cube.items()}
                    frames.append(cells(about, name[rows], name[columns], measure, found, n))
    if missing := pairs - seen:
        first, *rest = sorted(next(iter(missing)))
        raise BadInput(
            f"no tile holds the layers of '{first}' with those of '{(rest or [first])[0]}'; make them again with "
            "`snakemake --forcerun compare_activations`."
        )
    return pd.concat(frames, ignore_index=True)[LAYER_COLUMNS] if frames else pd.DataFrame(columns=LAYER_COLUMNS)


def cells(
    about: Mapping[str, Any],
    rows: ArrayLike,
    columns: ArrayLike,
    measure: str,
    found: Mapping[str, np.ndarray],
    n: int,
) -> pd.DataFrame:
    """A row for each cell of matrices (rows, columns) of layers, with their names and positions.

    found: value, error and null; the table has the 95 % interval that follows from the error.
    """
    i, j = np.indices(found["value"].shape).reshape(2, -1)
    layers = {"layer_a": np.asarray(rows)[i], "place_a": i, "layer_b": np.asarray(columns)[j], "place_b": j}
    bounds = significance.interval(found["value"].ravel(), found["error"].ravel())
    return pd.DataFrame({**about, **layers, "measure": measure, **bounds, "null": found["null"].ravel(), "n": n})
