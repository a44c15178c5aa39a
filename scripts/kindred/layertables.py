"""Tables of layer x layer comparisons (looks): tidy, one row per value, layers in the order of the network.

`place` counts layers from 0; `depth` is the place as a share of the last one. A model after e epochs of its training is
`model~e` in looks and has its epoch in a column of its own in tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kindred import blocks, store
from kindred.errors import BadInput

Matrix = NDArray[np.float64]
Key = tuple[str, str]  # a model, and what it is shown

# How the paper's repository names its three matrices and the summaries of `blocks.py` (digitised).
PUBLISHED_PANELS = ("standard_standard", "robust_robust", "standard_robust")
PUBLISHED_NAMES = {
    "first_40_among_themselves": "first_half",
    "last_40_among_themselves": "last_half",
    "first_40_vs_last_40": "first_vs_last_half",
}


@dataclass(frozen=True)
class Look:
    """What one look holds: layers and shares of each observation, and the matrices of all with all."""

    layers: Mapping[Key, list[str]]
    rows: Mapping[Key, NDArray[np.int64]]
    share: Matrix
    values: Mapping[str, Matrix]
    n: int

    def block(self, a: Key, b: Key, measure: str) -> Matrix:
        """Layers of one observation (rows) against those of another (columns)."""
        for key in (a, b):
            if key not in self.rows:
                raise BadInput(f"the look does not hold '{key[0]}' shown '{key[1]}'; make it again.")
        return self.values[measure][np.ix_(self.rows[a], self.rows[b])]

    def along(self, a: Key, b: Key, measure: str) -> Matrix:
        """Each layer of one with the layer of the other at the same depth, (layers of a,)."""
        values = self.block(a, b, measure)
        return values[np.arange(len(values)), blocks.corresponding(*values.shape)]


def read(path: str) -> Look:
    """A look from its store."""
    about = store.attributes(path)
    names = list(zip(store.strings(path, "model"), store.strings(path, "seen"), strict=True))
    of, layer = np.asarray(store.array(path, "observation")[:]), np.array(store.strings(path, "layer"))
    rows = {key: np.flatnonzero(of == place) for place, key in enumerate(names)}
    return Look(
        layers={key: list(layer[some]) for key, some in rows.items()},
        rows=rows,
        share=np.asarray(store.array(path, "share")[:]),
        values={measure: np.asarray(store.array(path, measure)[:]) for measure in about["measures"]},
        n=int(about["images"]),
    )


def depth(count: int) -> Matrix:
    """Places of so many layers as shares of the last one."""
    return np.arange(count) / max(count - 1, 1)


def panels_table(
    looks: Sequence[Look], panels: Sequence[Mapping[str, str]], measures: Sequence[str]
) -> pd.DataFrame:
    """Every cell of every panel."""
    frames = []
    for look, about, a, b in _panels(looks, panels):
        for measure in (one for one in measures if one in look.values):
            values = look.block(a, b, measure)
            i, j = np.indices(values.shape).reshape(2, -1)
            frames.append(
                pd.DataFrame(
                    {
                        **about,
                        "layer_a": np.array(look.layers[a])[i],
                        "place_a": i,
                        "layer_b": np.array(look.layers[b])[j],
                        "place_b": j,
                        "measure": measure,
                        "value": values.ravel(),
                        "n": look.n,
                    }
                )
            )
    return pd.concat(frames, ignore_index=True)


def structure_table(
    looks: Sequence[Look],
    panels: Sequence[Mapping[str, str]],
    measure: str,
    published: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The summaries of every panel (`blocks.summaries`), and for the first three on natural images the published ones.

    published: summary, then a column for each of PUBLISHED_PANELS.
    """
    known = {} if published is None else published.set_index("summary").to_dict()
    rows: list[dict[str, Any]] = []
    told = iter(PUBLISHED_PANELS)
    for look, about, a, b in _panels(looks, panels):
        natural = a[1] == b[1] == "natural"
        there = known.get(next(told, ""), {}) if natural and known else {}
        there = {PUBLISHED_NAMES.get(name, name): value for name, value in there.items()}
        for name, value in blocks.summaries(look.block(a, b, measure), a == b).items():
            one = {
                "measure": measure,
                "summary": name,
                "value": value,
                "published": there.get(name),
                "n": look.n,
            }
            rows.append({**about, **one})
    return pd.DataFrame(rows)


def distance_table(looks: Sequence[Look], panels: Sequence[Mapping[str, str]], measure: str) -> pd.DataFrame:
    """Similarity by distance of layers, of panels whose two sides have equally many."""
    rows: list[dict[str, Any]] = []
    for look, about, a, b in _panels(looks, panels):
        values = look.block(a, b, measure)
        if values.shape[0] == values.shape[1]:
            for step, (share, mean, cells) in enumerate(blocks.by_distance(values), 1):
                one = {"distance": step, "share": share, "measure": measure, "value": mean, "cells": cells}
                rows.append({**about, **one})
    return pd.DataFrame(rows)


def principal_table(looks: Sequence[Look]) -> pd.DataFrame:
    """The share of variance along the first principal component, of every layer of every observation, each once."""
    rows = []
    seen: set[Key] = set()
    for look in looks:
        for key, layers in look.layers.items():
            if key not in seen:
                seen.add(key)
                share = look.share[look.rows[key]]
                for place, (layer, value) in enumerate(zip(layers, share, strict=True)):
                    rows.append((*key, layer, place, depth(len(layers))[place], value, look.n))
    return pd.DataFrame(rows, columns=["model", "seen", "layer", "place", "depth", "share", "n"])


def estimators_table(
    looks: Sequence[Look], panels: Sequence[Mapping[str, str]], measure: str, others: Sequence[str]
) -> pd.DataFrame:
    """How far other measures lie from the chosen one, over the cells of each panel that has them.

    Of a model with itself each pair of different layers counts once.
    """
    rows: list[dict[str, Any]] = []
    for look, about, a, b in _panels(looks, panels):
        if not set(others) <= set(look.values):
            continue
        reference = look.block(a, b, measure)
        kept = (
            np.triu(np.ones_like(reference, dtype=bool), 1) if a == b else np.ones_like(reference, dtype=bool)
        )
        for other in others:
            values = look.block(a, b, other)
            both = kept & np.isfinite(values) & np.isfinite(reference)
            gap = values[both] - reference[both]
            some = len(gap) > 0
            rows.append(
                {
                    **about,
                    "measure": other,
                    "against": measure,
                    "mean_difference": gap.mean() if some else np.nan,
                    "mean_absolute_difference": np.abs(gap).mean() if some else np.nan,
                    "largest_absolute_difference": np.abs(gap).max() if some else np.nan,
                    "cells": len(gap),
                    "n": look.n,
                }
            )
    return pd.DataFrame(rows)


def benign_table(
    looks: Mapping[str, Look], attacks: Mapping[str, tuple[str, float]], measure: str
) -> pd.DataFrame:
    """Per layer, what each model says to natural images with what it says to their adversarial versions.

    attacks: {name: (norm, eps)}.
    """
    rows = []
    for model, look in looks.items():
        natural = (model, "natural")
        for attack, (norm, eps) in attacks.items():
            values = look.along(natural, (model, f"{attack}@{model}"), measure)
            for place, value in enumerate(values):
                layer, deep = look.layers[natural][place], depth(len(values))[place]
                rows.append((model, attack, norm, eps, layer, place, deep, measure, value, look.n))
    return pd.DataFrame(
        rows, columns=["model", "attack", "norm", "eps", "layer", "place", "depth", "measure", "value", "n"]
    )


def epochs_table(
    looks: Mapping[tuple[str, str], Look], kept: Sequence[int], last: Mapping[str, int], measure: str
) -> pd.DataFrame:
    """Per layer and kept epoch, similarity to the end of training and to the epoch kept before (empty for the first).

    looks: {(model, what it is shown): look}; last: {model: its number of epochs}.
    """
    rows = []
    for (model, seen), look in looks.items():
        final = (model, seen)
        before: Key | None = None
        for epoch in [*kept, last[model]]:
            now = final if epoch == last[model] else (f"{model}~{epoch}", seen)
            ended = look.along(now, final, measure)
            went = look.along(now, before, measure) if before else np.full(len(ended), np.nan)
            for place, pair in enumerate(zip(ended, went, strict=True)):
                layer, deep = look.layers[final][place], depth(len(ended))[place]
                rows.append((model, seen, epoch, layer, place, deep, measure, *pair, look.n))
            before = now
    columns = [
        "model",
        "images",
        "epoch",
        "layer",
        "place",
        "depth",
        "measure",
        "to_last",
        "to_previous",
        "n",
    ]
    return pd.DataFrame(rows, columns=columns)


def series_table(looks: Mapping[str, Look], measure: str) -> pd.DataFrame:
    """Per series and ordered pair of its models, each layer of one with the layer of the other at the same depth."""
    rows = []
    for series, look in looks.items():
        for a in look.rows:
            for b in look.rows:
                values = look.along(a, b, measure)
                others = blocks.corresponding(len(values), len(look.layers[b]))
                for place, value in enumerate(values):
                    pair = (look.layers[a][place], look.layers[b][others[place]])
                    deep = depth(len(values))[place]
                    rows.append((series, a[0], b[0], *pair, place, deep, measure, value, look.n))
    columns = [
        "series",
        "model_a",
        "model_b",
        "layer_a",
        "layer_b",
        "place",
        "depth",
        "measure",
        "value",
        "n",
    ]
    return pd.DataFrame(rows, columns=columns)


def series_cells_table(looks: Mapping[str, Look], measure: str) -> pd.DataFrame:
    """Every cell of every model of a series with itself."""
    frames = []
    for series, look in looks.items():
        for key in look.rows:
            values = look.block(key, key, measure)
            i, j = np.indices(values.shape).reshape(2, -1)
            about = {"series": series, "model": key[0], "measure": measure, "n": look.n}
            frames.append(pd.DataFrame({**about, "place_a": i, "place_b": j, "value": values.ravel()}))
    return pd.concat(frames, ignore_index=True)


def series_structure_table(looks: Mapping[str, Look], measure: str) -> pd.DataFrame:
    """The summaries of every model of a series with itself, and the mean share of the first principal component."""
    rows = []
    for series, look in looks.items():
        for key in look.rows:
            found = blocks.summaries(look.block(key, key, measure), True)
            share = look.share[look.rows[key]]
            found["principal_share"] = float(np.nanmean(share)) if np.isfinite(share).any() else np.nan
            rows += [
                (series, key[0], len(look.layers[key]), measure, name, value, look.n)
                for name, value in found.items()
                if name != "diagonal"
            ]
    columns = ["series", "model", "layers", "measure", "summary", "value", "n"]
    return pd.DataFrame(rows, columns=columns)


def accuracy_table(stores: Sequence[str]) -> pd.DataFrame:
    """Share of attacked images, right or wrong before, that each model still gets right."""
    rows = []
    for path in stores:
        about = store.attributes(path)
        fooled = np.asarray(store.array(path, "fooled")[:])
        settings = about["settings"]
        attack = path.rstrip("/").split("/")[-2]
        rows.append(
            (about["model"], attack, settings["norm"], settings["eps"], float(1 - fooled.mean()), len(fooled))
        )
    return pd.DataFrame(rows, columns=["model", "attack", "norm", "eps", "accuracy", "n"])


def _panels(
    looks: Sequence[Look], panels: Sequence[Mapping[str, str]]
) -> list[tuple[Look, dict[str, Any], Key, Key]]:
    found = []
    for place, panel in enumerate(panels, 1):
        a, b = ((panel[side], panel[f"{side}_see"]) for side in ("rows", "columns"))
        look = next((look for look in looks if a in look.rows and b in look.rows), None)
        if look is None:
            raise BadInput(f"no look holds '{a[0]}' shown '{a[1]}' with '{b[0]}' shown '{b[1]}'.")
        about = {"panel": place, "model_a": a[0], "seen_a": a[1], "model_b": b[0], "seen_b": b[1]}
        found.append((look, about, a, b))
    return found
