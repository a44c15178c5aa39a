"""Tables: tidy, one row per value, put together from stores and tiles; names and order are those of the config.

Tiles may hold more than is asked for (a model that has left the study); a table takes what it needs and refuses
to leave out in silence what is not there.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kindred import records, store
from kindred.errors import BadInput

if TYPE_CHECKING:
    from kindred.transfer import Sat, Transfer

CKA_COLUMNS = (
    "stimuli inverter model_a model_b layer_a layer_b measure value low high null n".split()  # noqa: SIM905
)
GRADIENT_COLUMNS = "loss model_a model_b mean sd n".split()  # noqa: SIM905
STITCHING_COLUMNS = "body head case n agreed rate error".split()  # noqa: SIM905
LAYER_COLUMNS = "stimuli model_a layer_a model_b layer_b measure value n".split()  # noqa: SIM905


def models_table(
    entries: Mapping[str, Mapping[str, Any]], attacked: Mapping[str, Mapping[str, str]]
) -> pd.DataFrame:
    """One row a model. entries: {model: its description}; attacked: {attack: {model: store}}.

    accuracy_<attack> is the share of attacked images, right or wrong before, that the model still gets right.
    """
    rows = []
    for model, about in entries.items():
        entry = about["source"]
        trained = entry.get("recipe") or entry.get("trained") or {}
        row = {
            "model": model,
            "architecture": entry["architecture"],
            "training": entry.get("training") or trained.get("training", ""),
            "norm": trained.get("norm") or "",
            "eps": trained.get("eps") or 0.0,
            "seed": entry.get("seed", trained.get("seed")),
            "parameters": about["parameters"],
            "clean_accuracy": about["clean_accuracy"],
        }
        for attack, stores in attacked.items():
            made_with = store.attributes(stores[model])["weights"]
            records.demand_same_weights(stores[model], made_with, model, about["weights_sha256"])
            row[f"accuracy_{attack}"] = float(1 - _values(stores[model], "fooled").mean())
        rows.append(row)
    return pd.DataFrame(rows)


def cka_table(stimuli: str, tiles: Iterable[str], models: Sequence[str], symmetric: bool) -> pd.DataFrame:
    """Model x model values of one kind of stimuli, penultimate layers.

    symmetric: each unordered pair once, in the order of `models`, its pair with itself included; else each ordered
    pair, model_a being the inverter. Raises BadInput for a pair that no tile holds, or more than one.
    """
    place = {model: index for index, model in enumerate(models)}
    tiles = list(tiles)
    demand_one_set_of_weights(tiles)
    frames = []
    for path in tiles:
        columns = {name: _values(path, name) for name in ("value", "low", "high", "null")}
        n = _values(path, "n")
        pairs = zip(store.strings(path, "model_a"), store.strings(path, "model_b"), strict=True)
        known = [(index, a, b) for index, (a, b) in enumerate(pairs) if a in place and b in place]
        if symmetric:
            known = [(index, a, b) if place[a] <= place[b] else (index, b, a) for index, a, b in known]
        if not known:
            continue
        taken = [index for index, _, _ in known]
        for row, measure in enumerate(store.strings(path, "measure")):
            frames.append(
                pd.DataFrame(
                    {
                        "model_a": [a for _, a, _ in known],
                        "model_b": [b for _, _, b in known],
                        "measure": measure,
                        **{name: values[row, taken] for name, values in columns.items()},
                        "n": n[taken],
                    }
                )
            )
    table = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=CKA_COLUMNS)
    _demand_each_once(stimuli, table, models, symmetric)
    table["stimuli"], table["layer_a"], table["layer_b"] = stimuli, "penultimate", "penultimate"
    table["inverter"] = "" if symmetric else table["model_a"]
    return _in_order(table, place)[CKA_COLUMNS]


def layers_table(
    stimuli: str,
    tiles: Iterable[str],
    models: Sequence[str],
    wanted: Sequence[tuple[str, str]],
    measures: Sequence[str],
) -> pd.DataFrame:
    """Layer x layer values of the wanted pairs of models (in either order), layers in the order of the pass."""
    tiles = list(tiles)
    demand_one_set_of_weights(tiles)
    pairs = {frozenset(pair) for pair in wanted}
    frames = []
    seen: set[frozenset[str]] = set()
    for path in tiles:
        owner = np.array(store.strings(path, "layer_model"))
        name = np.array(store.strings(path, "layer_name"))
        cubes = {measure: _values(path, f"layers_{measure}") for measure in measures}
        n = store.attributes(path)["images"]
        here = [model for model in models if model in set(owner)]
        for at, first in enumerate(here):
            for second in here[at:]:
                if frozenset((first, second)) not in pairs - seen:
                    continue
                seen.add(frozenset((first, second)))
                rows, columns = np.flatnonzero(owner == first), np.flatnonzero(owner == second)
                for measure, cube in cubes.items():
                    frames.append(
                        pd.DataFrame(
                            {
                                "stimuli": stimuli,
                                "model_a": first,
                                "layer_a": np.repeat(name[rows], len(columns)),
                                "model_b": second,
                                "layer_b": np.tile(name[columns], len(rows)),
                                "measure": measure,
                                "value": cube[np.ix_(rows, columns)].ravel(),
                                "n": n,
                            }
                        )
                    )
    if missing := pairs - seen:
        first, *rest = sorted(next(iter(missing)))
        raise BadInput(
            f"no tile holds the layers of '{first}' with those of '{(rest or [first])[0]}'; make them again with "
            "`snakemake --forcerun compare_activations`."
        )
    return (
        pd.concat(frames, ignore_index=True)[LAYER_COLUMNS] if frames else pd.DataFrame(columns=LAYER_COLUMNS)
    )


def answers(tiles: Iterable[str], models: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """From transfer tiles: correct (model, image) bool, predicted (source, target, image), labels (image,).

    Raises BadInput for a pair of models that no tile holds, and for tiles of different images.
    """
    place = {model: index for index, model in enumerate(models)}
    tiles = list(tiles)
    demand_one_set_of_weights(tiles)
    ids = store.demand_same_images(*tiles)
    labels = _values(tiles[0], "label")
    natural = np.full((len(models), len(ids)), -1, dtype=np.int32)
    predicted = np.full((len(models), len(models), len(ids)), -1, dtype=np.int32)
    for path in tiles:
        sources, targets = store.strings(path, "source"), store.strings(path, "target")
        before, after = _values(path, "natural"), _values(path, "predicted")
        for row, source in enumerate(sources):
            for column, target in enumerate(targets):
                if source in place and target in place:
                    natural[place[target]] = before[column]
                    predicted[place[source], place[target]] = after[row, column]
    if (predicted < 0).any():
        source, target, _ = np.argwhere(predicted < 0)[0]
        raise BadInput(
            f"no tile holds what '{models[target]}' says to the images of '{models[source]}'; make them again with "
            "`snakemake --forcerun cross_evaluate`."
        )
    return natural == labels, predicted, labels


def demand_one_set_of_weights(tiles: Iterable[str]) -> None:
    """BadInput where two tiles were made with different weights of one model, naming the model and the tile."""
    known: dict[str, str] = {}
    for path in tiles:
        about = store.attributes(path)
        for found in (about["weights"], about.get("source_weights", {})):
            for model, digest in found.items():
                records.demand_same_weights(path, digest, model, known.setdefault(model, digest))


def _values(path: str, name: str) -> np.ndarray:
    return np.asarray(store.array(path, name)[:])


def _demand_each_once(stimuli: str, table: pd.DataFrame, models: Sequence[str], symmetric: bool) -> None:
    pairs = [(a, b) for at, a in enumerate(models) for b in (models[at:] if symmetric else models)]
    for measure in table["measure"].unique() if len(table) else ["no measure"]:
        part = table[table["measure"] == measure]
        found = Counter(zip(part["model_a"], part["model_b"], strict=True))
        if wrong := [pair for pair in pairs if found[pair] != 1]:
            (a, b), times = wrong[0], found[wrong[0]]
            raise BadInput(
                f"the tiles for '{stimuli}' hold '{a}' with '{b}' {times} times instead of once, and {len(wrong)} of "
                f"{len(pairs)} pairs of models are amiss ({measure}); make them again with "
                "`snakemake --forcerun compare_activations compare_inverted`."
            )


def _in_order(table: pd.DataFrame, place: Mapping[str, int]) -> pd.DataFrame:
    keys = table.assign(a=table["model_a"].map(place), b=table["model_b"].map(place))
    return table.loc[keys.sort_values(["measure", "a", "b"], kind="stable").index].reset_index(drop=True)


def transfer_table(attack: str, models: Sequence[str], counts: Transfer) -> pd.DataFrame:
    """Every ordered pair, source before target; on the diagonal the white-box rate."""
    sources, targets = np.divmod(np.arange(len(models) ** 2), len(models))
    names = np.array(models, dtype=object)
    return pd.DataFrame(
        {
            "attack": attack,
            "source": names[sources],
            "target": names[targets],
            "n": counts.n[sources, targets],
            "fooled": counts.fooled[sources, targets],
            "rate": counts.rate[sources, targets],
        }
    )


def sat_table(attack: str, models: Sequence[str], scores: Sat) -> pd.DataFrame:
    """Every unordered pair once, in the order of `models`, its pair with itself included."""
    first, second = np.triu_indices(len(models))
    names = np.array(models, dtype=object)
    return pd.DataFrame(
        {
            "attack": attack,
            "model_a": names[first],
            "model_b": names[second],
            "sat": scores.sat[first, second],
            "low": scores.low[first, second],
            "high": scores.high[first, second],
            "n": scores.n[first, second],
        }
    )


def gradients_table(tiles: Iterable[str], models: Sequence[str]) -> pd.DataFrame:
    """Every unordered pair of different models once per loss: mean and sd over images of the cosine, and their number.

    Images on which the gradient of either model is all zero have no cosine and are not counted.
    """
    place = {model: index for index, model in enumerate(models)}
    tiles = list(tiles)
    demand_one_set_of_weights(tiles)
    rows = []
    for path in tiles:
        cosine = _values(path, "cosine").astype(np.float64)
        pairs = list(zip(store.strings(path, "model_a"), store.strings(path, "model_b"), strict=True))
        for values, loss in zip(cosine, store.strings(path, "loss"), strict=True):
            for (a, b), one in zip(pairs, values, strict=True):
                if a in place and b in place and a != b:
                    defined = one[~np.isnan(one)]
                    mean = defined.mean() if len(defined) else np.nan
                    sd = defined.std(ddof=1) if len(defined) > 1 else np.nan
                    pair = sorted((a, b), key=place.__getitem__)
                    rows.append((loss, *pair, mean, sd, len(defined)))
    table = pd.DataFrame(rows, columns=GRADIENT_COLUMNS)
    wanted = len(models) * (len(models) - 1) // 2
    for loss, part in table.groupby("loss"):
        _demand_pairs(f"gradients ({loss})", part, ["model_a", "model_b"], wanted, "compare_gradients")
    keys = table.assign(a=table["model_a"].map(place), b=table["model_b"].map(place))
    return table.loc[keys.sort_values(["loss", "a", "b"], kind="stable").index].reset_index(drop=True)


def stitching_table(tiles: Iterable[str], models: Sequence[str]) -> pd.DataFrame:
    """Every ordered pair of body and head: per case the images in it, on how many of them the stitched model says
    what the head says, the share, and its standard error sqrt(r (1 - r) / n); empty where no image is in the case."""
    place = {model: index for index, model in enumerate(models)}
    tiles = list(tiles)
    demand_one_set_of_weights(tiles)
    rows = []
    for path in tiles:
        agreed, counts, cases = _values(path, "agreed"), _values(path, "n"), store.strings(path, "case")
        for i, body in enumerate(store.strings(path, "body")):
            for j, head in enumerate(store.strings(path, "head")):
                if body in place and head in place:
                    for k, case in enumerate(cases):
                        rows.append((body, head, case, counts[i, j, k], agreed[i, j, k]))
    table = pd.DataFrame(rows, columns=STITCHING_COLUMNS[:5])
    for case, part in table.groupby("case"):
        _demand_pairs(f"stitching ({case})", part, ["body", "head"], len(models) ** 2, "stitch_models")
    table["rate"] = table["agreed"] / table["n"].where(table["n"] > 0)
    table["error"] = (table["rate"] * (1 - table["rate"]) / table["n"].where(table["n"] > 0)) ** 0.5
    keys = table.assign(a=table["body"].map(place), b=table["head"].map(place))
    return table.loc[keys.sort_values(["a", "b"], kind="stable").index].reset_index(drop=True)


def _demand_pairs(what: str, table: pd.DataFrame, columns: list[str], wanted: int, rule: str) -> None:
    once = table.drop_duplicates(columns)
    if len(table) != wanted or len(once) != wanted:
        raise BadInput(
            f"the tiles of {what} hold {len(once)} different pairs of models in {len(table)} rows, where "
            f"{wanted} are needed once each; make them again with `snakemake --forcerun {rule}`."
        )


def write(path: str, table: pd.DataFrame) -> None:
    """Write a table as CSV under its final name only once it is whole; undefined values are empty."""
    partial = f"{path}.partial"
    table.to_csv(partial, index=False, float_format="%.10g", lineterminator="\n")
    os.replace(partial, path)
