"""Tables of models: what is known of each, and its accuracy without and under attack."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kindred.attacks.catalogue import STRONGEST
from kindred.models import descriptions
from kindred.tables.tables import values, with_shares
from kindred.workflow import store


def models_table(
    labels: Mapping[str, Mapping[str, Any]],
    described: Mapping[str, Mapping[str, Any]],
    attacked: Mapping[str, Mapping[str, str]],
) -> pd.DataFrame:
    """One row a model, in the order of labels.

    labels: {model: its training, norm, eps and seed}, of the config; described: {model: the description beside
    its weights}; attacked: {attack: {model: store}}. accuracy_<attack> is the share of attacked images, right or
    wrong before, that the model still gets right; accuracy_strongest as `strongest` in `accuracies_table`; no_gradient
    and remarks are of its examination. Raises BadInput where a store was made with other weights.
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
            "arguments": _text(about["description"].get("arguments")),
            "parameters": about["parameters"],
            "clean_accuracy": about["clean_accuracy"],
        }
        for attack, stores in attacked.items():
            held = about["weights_sha256"]
            made_with = store.attributes(stores[model]).get("weights", held)
            descriptions.demand_same_weights(stores[model], made_with, model, held)
            row[f"accuracy_{attack}"] = float(1 - values(stores[model], "fooled").mean())
        if len(attacked) > 1:
            row[f"accuracy_{STRONGEST}"] = float(_withstood(model, attacked).mean())
        found = about["examination"]
        rows.append({**row, "no_gradient": found["no_gradient"], "remarks": "; ".join(found["remarks"])})
    return pd.DataFrame(rows)


LEFT_OUT = "left out: "  # so begin the remarks on a model without results


def with_left_out(table: pd.DataFrame, left_out: Mapping[str, Sequence[str | None]]) -> pd.DataFrame:
    """models.csv with a row for each model that is left out of everything else, all its numbers undefined.

    left_out: {model: architecture or None, training or None, why a job of it failed}.
    """
    columns = ["model", "architecture", "training", "remarks"]
    rows = [(model, *about[:2], LEFT_OUT + str(about[2])) for model, about in left_out.items()]
    return pd.concat([table, pd.DataFrame(rows, columns=columns)], ignore_index=True) if rows else table


def _text(arguments: Mapping[str, Any] | None) -> str:
    """Keyword arguments of an architecture as JSON in one order of keys; '' for none."""
    return json.dumps(arguments, sort_keys=True) if arguments else ""


def accuracies_table(
    described: Mapping[str, Mapping[str, Any]], attacked: Mapping[str, Mapping[str, str]]
) -> pd.DataFrame:
    """The accuracy of every model on natural images (no attack) and on those of every attack, with its interval.

    described and attacked as for `models_table`. An attack finds some of the images that fool a model, so accuracy
    under attack is an upper bound; the interval is over images. Where there are several attacks, `strongest` is the
    share of images that a model gets right under every one of them, over the images that all of them attack.
    no_gradient: the share of images on which the attack found no gradient at all; that those fool nobody says nothing.
    """
    rows = [
        (model, "", round(about["clean_accuracy"] * about["clean_images"]), about["clean_images"], np.nan)
        for model, about in described.items()
    ]
    for attack, stores in attacked.items():
        for model, path in stores.items():
            fooled = values(path, "fooled")
            without = values(path, "no_gradient").mean()
            rows.append((model, attack, int((~fooled).sum()), len(fooled), without))
    if len(attacked) > 1:
        for model in described:
            right = _withstood(model, attacked)
            rows.append((model, STRONGEST, int(right.sum()), len(right), np.nan))
    table = pd.DataFrame(rows, columns=["model", "attack", "right", "n", "no_gradient"])
    return with_shares(table, "right")[["model", "attack", "value", "low", "high", "n", "no_gradient"]]


def _withstood(model: str, attacked: Mapping[str, Mapping[str, str]]) -> NDArray[np.bool_]:
    """(n,) which of the first images, those that every attack has, the model gets right under every attack.

    Attacks take the first images of the study, as many as each says. Raises BadInput where they took others.
    """
    stores = sorted((len(store.strings(path, "image")), path) for path in (one[model] for one in attacked.values()))
    fewest, first = stores[0]
    ids = store.strings(first, "image")
    for _, path in stores[1:]:
        store.demand_first_images(path, ids)
    return ~np.any([values(path, "fooled")[:fewest] for _, path in stores], axis=0)
