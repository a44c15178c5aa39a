"""Tidy tables, one row per value, from stores and tiles; names and their order are those of the config.

Tiles may hold more than a table needs (models removed from the study); a missing pair is an error.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, combinations_with_replacement, product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from kindred.models import descriptions
from kindred.similarity import significance
from kindred.workflow import store
from kindred.workflow.errors import BadInput

if TYPE_CHECKING:
    from kindred.similarity.transfer import Sat, Transfer

CKA_COLUMNS = (
    "stimuli inverter model_a model_b layer_a layer_b measure value low high null n z p q".split()  # noqa: SIM905
)
GRADIENT_COLUMNS = "loss model_a model_b mean sd n".split()  # noqa: SIM905
LAYER_COLUMNS = "stimuli model_a layer_a model_b layer_b measure value n".split()  # noqa: SIM905


def models_table(
    labels: Mapping[str, Mapping[str, Any]],
    described: Mapping[str, Mapping[str, Any]],
    attacked: Mapping[str, Mapping[str, str]],
) -> pd.DataFrame:
    """One row a model, in the order of labels.

    labels: {model: its training, norm, eps and seed}, of the config; described: {model: the description beside
    its weights}; attacked: {attack: {model: store}}. accuracy_<attack> is the share of attacked images, right or
    wrong before, that the model still gets right. Raises BadInput where a store was made with other weights.
    """
    rows = []
    for model, own in labels.items():
        about = described[model]
        row = {
            "model": model,
            # Of a model on a hub, only its description knows the architecture.
            "architecture": about["description"]["architecture"],
            "training": own["training"],
            "norm": own["norm"] or "",
            "eps": own["eps"],
            "seed": own["seed"],
            "parameters": about["parameters"],
            "clean_accuracy": about["clean_accuracy"],
        }
        for attack, stores in attacked.items():
            held = about["weights_sha256"]
            made_with = store.attributes(stores[model]).get("weights", held)
            descriptions.demand_same_weights(stores[model], made_with, model, held)
            row[f"accuracy_{attack}"] = float(1 - _values(stores[model], "fooled").mean())
        rows.append(row)
    return pd.DataFrame(rows)


def accuracies_table(
    described: Mapping[str, Mapping[str, Any]], attacked: Mapping[str, Mapping[str, str]]
) -> pd.DataFrame:
    """The accuracy of every model on natural images (no attack) and on those of every attack, with its interval.

    described and attacked as for `models_table`. An attack finds some of the images that fool a model, so accuracy
    under attack is an upper bound; the interval is over images.
    """
    rows = [
        (model, "", round(about["clean_accuracy"] * about["clean_images"]), about["clean_images"])
        for model, about in described.items()
    ]
    for attack, stores in attacked.items():
        for model, path in stores.items():
            fooled = _values(path, "fooled")
            rows.append((model, attack, int((~fooled).sum()), len(fooled)))
    table = pd.DataFrame(rows, columns=["model", "attack", "right", "n"])
    return with_shares(table, "right")[["model", "attack", "value", "low", "high", "n"]]


def with_shares(table: pd.DataFrame, count: str, value: str = "value") -> pd.DataFrame:
    """The table with the share that the column `count` is of `n`, and the bounds of its 95 % interval (Wilson)."""
    low, high = significance.wilson(table[count], table["n"])
    return table.assign(**{value: table[count] / table["n"].where(table["n"] > 0), "low": low, "high": high})


def cka_table(stimuli: str, tiles: Iterable[str], models: Sequence[str], symmetric: bool) -> pd.DataFrame:
    """Similarities of penultimate features, model x model, on one kind of stimuli.

    symmetric: each unordered pair once, in the order of `models`, including each model with itself; else each
    ordered pair, model_a being the inverter. Raises BadInput for a missing or repeated pair.
    """
    frames = [pd.DataFrame(columns=["model_a", "model_b", "measure"])]
    for path in with_one_set_of_weights(tiles):
        columns = {name: _values(path, name) for name in ("value", "low", "high", "null")}
        pairs = _pairs(path, "model_a", "model_b").assign(n=_values(path, "n"))
        for row, measure in enumerate(store.strings(path, "measure")):
            found = {name: values[row] for name, values in columns.items()}
            frames.append(_of_study(pairs.assign(measure=measure, **found), models, unordered=symmetric))
    table = pd.concat([frame for frame in frames if len(frame)] or frames)
    wanted: Iterable[tuple[str, ...]] = (
        combinations_with_replacement(models, 2) if symmetric else product(models, repeat=2)
    )
    _demand_each_once(stimuli, table, "measure", wanted, "compare_activations compare_inverted")
    table = table.assign(stimuli=stimuli, layer_a="penultimate", layer_b="penultimate")
    table["inverter"] = "" if symmetric else table["model_a"]
    return _in_order(table, models, "measure", "model_a", "model_b")


def tested(table: pd.DataFrame, debiased: Sequence[str]) -> pd.DataFrame:
    """The rows of `cka_table` of all stimuli, with z, p and q against images paired at random (`significance`).

    Only for different models on natural images by debiased measures: a model with itself is 1 by construction, and two
    models on images inverted through one of them are no independent features even without any relation. q is the false
    discovery rate over all tests of the table.
    """
    testable = (table["stimuli"] == "natural") & (table["model_a"] != table["model_b"])
    testable &= table["measure"].isin(debiased)
    z, p = significance.against_random_pairing(table["value"], table["n"])
    table = table.assign(z=np.where(testable, z, np.nan), p=np.where(testable, p, np.nan))
    return table.assign(q=significance.false_discovery(table["p"]))[CKA_COLUMNS]


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
        cubes = {measure: _values(path, f"layers_{measure}") for measure in measures}
        n = store.attributes(path)["images"]
        held = [model for model in models if model in set(owner)]
        for index, first in enumerate(held):
            for second in held[index:]:
                if frozenset((first, second)) not in pairs - seen:
                    continue
                seen.add(frozenset((first, second)))
                rows, columns = np.flatnonzero(owner == first), np.flatnonzero(owner == second)
                for measure, cube in cubes.items():
                    about = {"stimuli": stimuli, "model_a": first, "model_b": second}
                    frames.append(cells(about, name[rows], name[columns], measure, cube[np.ix_(rows, columns)], n))
    if missing := pairs - seen:
        first, *rest = sorted(next(iter(missing)))
        raise BadInput(
            f"no tile holds the layers of '{first}' with those of '{(rest or [first])[0]}'; make them again with "
            "`snakemake --forcerun compare_activations`."
        )
    return pd.concat(frames, ignore_index=True)[LAYER_COLUMNS] if frames else pd.DataFrame(columns=LAYER_COLUMNS)


def cells(
    about: Mapping[str, Any], rows: ArrayLike, columns: ArrayLike, measure: str, values: np.ndarray, n: int
) -> pd.DataFrame:
    """A row for each cell of a matrix (rows, columns) of layers, with their names and positions."""
    i, j = np.indices(values.shape).reshape(2, -1)
    layers = {"layer_a": np.asarray(rows)[i], "place_a": i, "layer_b": np.asarray(columns)[j], "place_b": j}
    return pd.DataFrame({**about, **layers, "measure": measure, "value": values.ravel(), "n": n})


def predictions(tiles: Iterable[str], models: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Predictions held in transfer tiles: (correct, predicted, labels).

    correct: (model, image) bool, on natural images; predicted: (source, target, image); labels: (image,).
    Raises BadInput for a pair of models that no tile holds, and for tiles of different images.
    """
    order = {model: index for index, model in enumerate(models)}
    tiles = with_one_set_of_weights(tiles)
    ids = store.demand_same_images(*tiles)
    labels = _values(tiles[0], "label")
    natural = np.full((len(models), len(ids)), -1, dtype=np.int32)
    predicted = np.full((len(models), len(models), len(ids)), -1, dtype=np.int32)
    for path in tiles:
        sources, targets = store.strings(path, "source"), store.strings(path, "target")
        before, after = _values(path, "natural"), _values(path, "predicted")
        for row, source in enumerate(sources):
            for column, target in enumerate(targets):
                if source in order and target in order:
                    natural[order[target]] = before[column]
                    predicted[order[source], order[target]] = after[row, column]
    if (predicted < 0).any():
        source, target, _ = np.argwhere(predicted < 0)[0]
        raise BadInput(
            f"no tile holds the predictions of '{models[target]}' on the images of '{models[source]}'; make them again "
            "with `snakemake --forcerun cross_evaluate`."
        )
    return natural == labels, predicted, labels


def with_one_set_of_weights(tiles: Iterable[str]) -> list[str]:
    """The tiles as a list. Raises BadInput where two were made with different weights of a model."""
    known: dict[str, str] = {}
    tiles = list(tiles)
    for path in tiles:
        about = store.attributes(path)
        for found in (about.get("weights", {}), about.get("source_weights", {})):
            for model, digest in found.items():
                descriptions.demand_same_weights(path, digest, model, known.setdefault(model, digest))
    return tiles


def _values(path: str, name: str) -> np.ndarray:
    return np.asarray(store.array(path, name)[:])


def _pairs(path: str, first: str, second: str) -> pd.DataFrame:
    """The pairs of models of a tile."""
    return pd.DataFrame({side: store.strings(path, side) for side in (first, second)})


def _of_study(table: pd.DataFrame, models: Sequence[str], unordered: bool = False) -> pd.DataFrame:
    """Rows whose two models, in the first two columns, are in the study; unordered pairs in its order."""
    order = {model: index for index, model in enumerate(models)}
    first, second = table.columns[:2]
    table = table[table[first].isin(order) & table[second].isin(order)].copy()
    if unordered:
        turned = table[first].map(order) > table[second].map(order)
        table.loc[turned, [first, second]] = table.loc[turned, [second, first]].to_numpy()
    return table


def _demand_each_once(what: str, table: pd.DataFrame, by: str, pairs: Iterable[tuple[str, ...]], rule: str) -> None:
    """Raise BadInput unless each pair of models, in the first two columns, is there once for each value of `by`."""
    pairs = list(pairs)
    for value in table[by].unique() if len(table) else [f"no {by}"]:
        found = Counter(table[table[by] == value].iloc[:, :2].itertuples(index=False, name=None))
        if wrong := [pair for pair in pairs if found[pair] != 1]:
            (a, b), times = wrong[0], found[wrong[0]]
            raise BadInput(
                f"the tiles for '{what}' hold '{a}' with '{b}' {times} times instead of once, and {len(wrong)} of "
                f"{len(pairs)} pairs of models are wrong ({value}); make them again with `snakemake --forcerun {rule}`."
            )


def _in_order(table: pd.DataFrame, models: Sequence[str], *columns: str) -> pd.DataFrame:
    """Rows sorted by these columns, names of models by their order in the config."""
    order = {model: index for index, model in enumerate(models)}
    key = lambda values: values if values.name in ("measure", "loss") else values.map(order)  # noqa: E731
    return table.sort_values(list(columns), key=key, kind="stable", ignore_index=True)


def transfer_table(attack: str, models: Sequence[str], counts: Transfer) -> pd.DataFrame:
    """Transfer rates of every ordered pair, source before target; the white-box rate on the diagonal."""
    every = np.indices((len(models),) * 2).reshape(2, -1)
    low, high = significance.wilson(counts.fooled, counts.n)
    columns = {"n": counts.n, "fooled": counts.fooled, "rate": counts.rate, "low": low, "high": high}
    return _entries(attack, models, ("source", "target"), every, columns)


def sat_table(attack: str, models: Sequence[str], scores: Sat) -> pd.DataFrame:
    """SAT of every unordered pair once, in the order of `models`, including each model with itself."""
    columns = {"sat": scores.sat, "low": scores.low, "high": scores.high, "n": scores.n}
    return _entries(attack, models, ("model_a", "model_b"), np.triu_indices(len(models)), columns)


def _entries(
    attack: str, models: Sequence[str], sides: tuple[str, str], index: Any, columns: Mapping[str, np.ndarray]
) -> pd.DataFrame:
    """Entries of model x model matrices, a column each, with the names of their two models."""
    names = np.array(models, dtype=object)
    pairs = dict(zip(sides, (names[side] for side in index), strict=True))
    return pd.DataFrame({"attack": attack, **pairs, **{name: values[tuple(index)] for name, values in columns.items()}})


def gradients_table(tiles: Iterable[str], models: Sequence[str]) -> pd.DataFrame:
    """Mean and sd over images of the cosine of input gradients, each unordered pair of models once per loss.

    Images on which either gradient is zero do not count. Raises BadInput for missing pairs.
    """
    frames = []
    for path in with_one_set_of_weights(tiles):
        for loss, cosines in zip(store.strings(path, "loss"), _values(path, "cosine").astype(np.float64), strict=True):
            defined = [one[~np.isnan(one)] for one in cosines]
            means = [one.mean() if len(one) else np.nan for one in defined]
            sds = [one.std(ddof=1) if len(one) > 1 else np.nan for one in defined]
            pairs = _pairs(path, "model_a", "model_b").assign(loss=loss, mean=means, sd=sds, n=list(map(len, defined)))
            frames.append(_of_study(pairs[pairs["model_a"] != pairs["model_b"]], models, unordered=True))
    table = pd.concat(frames)
    _demand_each_once("gradients", table, "loss", combinations(models, 2), "compare_gradients")
    return _in_order(table, models, "loss", "model_a", "model_b")[GRADIENT_COLUMNS]


def stitching_table(tiles: Iterable[str], models: Sequence[str]) -> pd.DataFrame:
    """Agreement of stitched models with their heads, for every ordered pair of body and head, by case.

    The number of images, those on which both predict the same class, their share and its 95 % interval (Wilson), empty
    for cases without images. Raises BadInput for missing pairs.
    """
    frames = []
    for path in with_one_set_of_weights(tiles):
        names = ["body", "head", "case"]
        index = pd.MultiIndex.from_product([store.strings(path, name) for name in names], names=names)
        columns = {name: _values(path, name).ravel() for name in ("n", "agreed")}
        frames.append(_of_study(pd.DataFrame(columns, index).reset_index(), models))
    table = pd.concat(frames)
    _demand_each_once("stitching", table, "case", product(models, repeat=2), "stitch_models")
    return _in_order(with_shares(table, "agreed", "rate"), models, "body", "head")


def write(path: str, table: pd.DataFrame) -> None:
    """Write a table as CSV, under its final name only when complete; undefined values are empty."""
    partial = f"{path}.partial"
    table.to_csv(partial, index=False, float_format="%.10g", lineterminator="\n")
    os.replace(partial, path)
