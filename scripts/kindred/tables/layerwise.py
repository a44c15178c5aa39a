"""Tables of layer comparisons: tidy, one row per value, layers in forward order.

`place` counts layers from 0; `depth` is the place as a share of the last one. A model after e epochs of its
training is `model~e` in comparisons and has its epoch in a separate column in tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kindred.analyses import block_structure
from kindred.attacks.catalogue import budget
from kindred.similarity import significance
from kindred.tables.similarity import cells
from kindred.tables.tables import with_shares
from kindred.workflow import store
from kindred.workflow.errors import BadInput

Matrix = NDArray[np.float64]
Key = tuple[str, str]  # an observation: a model and its input images

# Names of the matrices of the paper's repository and of their summaries (digitised).
PUBLISHED_PANELS = ("standard_standard", "robust_robust", "standard_robust")
PUBLISHED_NAMES = {
    "first_40_among_themselves": "first_half",
    "last_40_among_themselves": "last_half",
    "first_40_vs_last_40": "first_vs_last_half",
}


@dataclass(frozen=True)
class Comparison:
    """A layer comparison: layers and rows of each observation, and the matrices of all layers with all.

    layers, rows: names and row indices by observation; share: value and error, (T,) each, of the share of variance
    along the first principal component; found: value, error and null, (T, T) each, by measure; n: number of images.
    """

    layers: Mapping[Key, list[str]]
    rows: Mapping[Key, NDArray[np.int64]]
    share: Mapping[str, Matrix]
    found: Mapping[str, Mapping[str, Matrix]]
    n: int

    def block(self, a: Key, b: Key, measure: str) -> dict[str, Matrix]:
        """Value, error and null of layers of one observation (rows) with those of another (columns).

        Raises BadInput for an observation that the comparison lacks.
        """
        for key in (a, b):
            if key not in self.rows:
                raise BadInput(
                    f"the layer comparison lacks '{key[0]}' on the images '{key[1]}'; make it again with "
                    "`snakemake --forcerun compare_layers`."
                )
        cells = np.ix_(self.rows[a], self.rows[b])
        return {column: values[cells] for column, values in self.found[measure].items()}

    def positions(self, key: Key) -> dict[str, Any]:
        """The columns layer, place and depth of the layers of an observation."""
        count = len(self.layers[key])
        return {"layer": self.layers[key], "place": np.arange(count), "depth": np.arange(count) / max(count - 1, 1)}

    def along(self, a: Key, b: Key, measure: str) -> dict[str, Any]:
        """The columns measure to n of each layer of one with the layer of the other at the same depth."""
        block = self.block(a, b, measure)
        cells = np.arange(len(block["value"])), block_structure.corresponding(*block["value"].shape)
        bounds = significance.interval(block["value"][cells], block["error"][cells])
        return {"measure": measure, **bounds, "null": block["null"][cells], "n": self.n}


def read(path: str) -> Comparison:
    """A layer comparison from its store."""
    about = store.attributes(path)
    names = list(zip(store.strings(path, "model"), store.strings(path, "seen"), strict=True))
    of, layer = np.asarray(store.array(path, "observation")[:]), np.array(store.strings(path, "layer"))
    rows = {key: np.flatnonzero(of == index) for index, key in enumerate(names)}
    return Comparison(
        layers={key: list(layer[part]) for key, part in rows.items()},
        rows=rows,
        share={column: np.asarray(store.array(path, f"principal_{column}")[:]) for column in ("value", "error")},
        found={
            measure: {
                column: np.asarray(store.array(path, f"{measure}_{column}")[:]) for column in ("value", "error", "null")
            }
            for measure in about["measures"]
        },
        n=int(about["images"]),
    )


def panels_table(
    comparisons: Sequence[Comparison], panels: Sequence[Mapping[str, str]], measures: Sequence[str]
) -> pd.DataFrame:
    """Every cell of every panel, by each of the measures that its comparison has."""
    frames = [
        cells(about, one.layers[a], one.layers[b], measure, one.block(a, b, measure), one.n)
        for one, about, a, b in _panels(comparisons, panels)
        for measure in measures
        if measure in one.found
    ]
    return pd.concat(frames, ignore_index=True)


def structure_table(
    comparisons: Sequence[Comparison],
    panels: Sequence[Mapping[str, str]],
    measure: str,
    published: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Summaries of every panel, and published ones for the first three on natural images.

    published: summary, then a column for each of PUBLISHED_PANELS.
    """
    known = {} if published is None else published.set_index("summary").to_dict()
    rows: list[dict[str, Any]] = []
    columns = iter(PUBLISHED_PANELS)
    for comparison, about, a, b in _panels(comparisons, panels):
        natural = a[1] == b[1] == "natural"
        theirs = known.get(next(columns, ""), {}) if natural and known else {}
        theirs = {PUBLISHED_NAMES.get(name, name): value for name, value in theirs.items()}
        block = comparison.block(a, b, measure)
        for name, found in block_structure.summaries(block["value"], block["error"], a == b).items():
            one = {"measure": measure, "summary": name, **significance.interval(*found)}
            rows.append({**about, **one, "published": theirs.get(name), "n": comparison.n})
    return pd.DataFrame(rows)


def distance_table(
    comparisons: Sequence[Comparison], panels: Sequence[Mapping[str, str]], measure: str
) -> pd.DataFrame:
    """Similarity by distance of layers, for panels whose two sides have the same number of layers."""
    rows: list[dict[str, Any]] = []
    for comparison, about, a, b in _panels(comparisons, panels):
        block = comparison.block(a, b, measure)
        values, errors = block["value"], block["error"]
        if values.shape[0] == values.shape[1]:
            for step, (share, value, error, cells) in enumerate(block_structure.by_distance(values, errors), 1):
                one = {"distance": step, "share": share, "measure": measure, **significance.interval(value, error)}
                rows.append({**about, **one, "cells": cells, "n": comparison.n})
    return pd.DataFrame(rows)


def principal_table(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """Share of variance along the first principal component, of each layer of each observation once."""
    frames: dict[Key, pd.DataFrame] = {}
    for one in comparisons:
        for key in (key for key in one.layers if key not in frames):
            about = {"model": key[0], "seen": key[1], **one.positions(key)}
            bounds = significance.interval(*(one.share[column][one.rows[key]] for column in ("value", "error")))
            frames[key] = pd.DataFrame({**about, **bounds, "n": one.n})
    return pd.concat(frames.values(), ignore_index=True)


def estimators_table(
    comparisons: Sequence[Comparison], panels: Sequence[Mapping[str, str]], measure: str, others: Sequence[str]
) -> pd.DataFrame:
    """Differences of other measures from the chosen one, over the cells of each panel that has them all.

    For a model with itself each pair of different layers counts once.
    """
    rows: list[dict[str, Any]] = []
    for comparison, about, a, b in _panels(comparisons, panels):
        if not set(others) <= set(comparison.found):
            continue
        reference = comparison.block(a, b, measure)["value"]
        kept = np.triu(np.ones_like(reference, dtype=bool), 1) if a == b else np.ones_like(reference, dtype=bool)
        for other in others:
            values = comparison.block(a, b, other)["value"]
            both = kept & np.isfinite(values) & np.isfinite(reference)
            gap = values[both] - reference[both]
            defined = len(gap) > 0
            rows.append(
                {
                    **about,
                    "measure": other,
                    "against": measure,
                    "mean_difference": gap.mean() if defined else np.nan,
                    "mean_absolute_difference": np.abs(gap).mean() if defined else np.nan,
                    "largest_absolute_difference": np.abs(gap).max() if defined else np.nan,
                    "cells": len(gap),
                    "n": comparison.n,
                }
            )
    return pd.DataFrame(rows)


def benign_table(
    comparisons: Mapping[str, Comparison], attacks: Mapping[str, tuple[str, float]], measure: str
) -> pd.DataFrame:
    """Similarity per layer of each model's activations on natural images and on their adversarial versions.

    attacks: {name: (norm, eps)}.
    """
    frames = []
    for model, comparison in comparisons.items():
        natural = (model, "natural")
        for attack, (norm, eps) in attacks.items():
            about = {"model": model, "attack": attack, "norm": norm, "eps": eps, **comparison.positions(natural)}
            frames.append(pd.DataFrame({**about, **comparison.along(natural, (model, f"{attack}@{model}"), measure)}))
    return pd.concat(frames, ignore_index=True)


def epochs_table(
    comparisons: Mapping[tuple[str, str], Comparison], kept: Sequence[int], last: Mapping[str, int], measure: str
) -> pd.DataFrame:
    """Similarity per layer and kept epoch to the last one (`to` is last) and to the epoch kept before (previous).

    comparisons: {(model, images): comparison}; kept: epochs; last: {model: its number of epochs}.
    """
    frames = []
    for (model, images), comparison in comparisons.items():
        final = (model, images)
        before: Key | None = None
        for epoch in [*kept, last[model]]:
            now = final if epoch == last[model] else (f"{model}~{epoch}", images)
            about = {"model": model, "images": images, "epoch": epoch, **comparison.positions(final)}
            for other, key in (("last", final), ("previous", before)):
                if key:
                    frames.append(pd.DataFrame({**about, "to": other, **comparison.along(now, key, measure)}))
            before = now
    return pd.concat(frames, ignore_index=True)


def series_table(comparisons: Mapping[str, Comparison], measure: str) -> pd.DataFrame:
    """Similarity of each layer to the layer at the same depth, for ordered pairs of models of each series."""
    frames = []
    for series, comparison in comparisons.items():
        for a, b in product(comparison.rows, repeat=2):
            at, values = comparison.positions(a), comparison.along(a, b, measure)
            others = np.array(comparison.layers[b])
            others = others[block_structure.corresponding(len(at["layer"]), len(others))]
            pair = {"series": series, "model_a": a[0], "model_b": b[0], "layer_a": at.pop("layer"), "layer_b": others}
            frames.append(pd.DataFrame({**pair, **at, **values}))
    return pd.concat(frames, ignore_index=True)


def series_cells_table(comparisons: Mapping[str, Comparison], measure: str) -> pd.DataFrame:
    """Every cell of every model of a series with itself."""
    frames = [
        cells({"series": series, "model": key[0]}, names, names, measure, one.block(key, key, measure), one.n)
        for series, one in comparisons.items()
        for key, names in one.layers.items()
    ]
    columns = ["series", "model", "measure", "n", "place_a", "place_b", "value", "low", "high", "null"]
    return pd.concat(frames, ignore_index=True)[columns]


def series_structure_table(comparisons: Mapping[str, Comparison], measure: str) -> pd.DataFrame:
    """Summaries of every model of a series with itself, and its mean share of the first component."""
    rows = []
    for series, comparison in comparisons.items():
        for key in comparison.rows:
            block = comparison.block(key, key, measure)
            found = block_structure.summaries(block["value"], block["error"], True)
            share, error = (comparison.share[column][comparison.rows[key]] for column in ("value", "error"))
            found["principal_share"] = block_structure.mean(share, error)
            about = {"series": series, "model": key[0], "layers": len(comparison.layers[key]), "measure": measure}
            rows += [
                {**about, "summary": name, **significance.interval(*one), "n": comparison.n}
                for name, one in found.items()
                if name != "diagonal"
            ]
    return pd.DataFrame(rows)


def accuracy_table(stores: Sequence[str]) -> pd.DataFrame:
    """Accuracy of each model over all attacked images, whether classified correctly before or not."""
    rows = []
    for path in stores:
        about = store.attributes(path)
        fooled = np.asarray(store.array(path, "fooled")[:])
        attack = path.rstrip("/").split("/")[-2]
        rows.append((about["model"], attack, *budget(about["settings"]), int((~fooled).sum()), len(fooled)))
    columns = ["model", "attack", "norm", "eps", "accuracy", "low", "high", "n"]
    table = pd.DataFrame(rows, columns=["model", "attack", "norm", "eps", "right", "n"])
    return with_shares(table, "right", "accuracy")[columns]


def _panels(
    comparisons: Sequence[Comparison], panels: Sequence[Mapping[str, str]]
) -> list[tuple[Comparison, dict[str, Any], Key, Key]]:
    """The comparison, the columns that identify it, and the two observations of each panel."""
    found = []
    for number, panel in enumerate(panels, 1):
        a, b = (panel["rows"], panel["row_images"]), (panel["columns"], panel["column_images"])
        comparison = next((one for one in comparisons if {a, b} <= set(one.rows)), None)
        if comparison is None:
            raise BadInput(
                f"no layer comparison holds '{a[0]}' on the images '{a[1]}' with '{b[0]}' on '{b[1]}'; "
                "make it again with `snakemake --forcerun compare_layers`."
            )
        about = {"panel": number, "model_a": a[0], "seen_a": a[1], "model_b": b[0], "seen_b": b[1]}
        found.append((comparison, about, a, b))
    return found
