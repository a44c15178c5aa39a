"""Every table that figures are drawn from, made up: of models, of what is made of SAT, and of layers of networks."""

from itertools import combinations, product
from typing import Any

import figure_tables as made
import numpy as np
import pandas as pd
from kindred.analyses import variation
from kindred.claims.catalogue import CLAIMS

LAYERS = 20
SUMMARIES = ("mean_off_diagonal", "first_half", "last_half", "first_vs_last_half", "principal_share")
SHARES = ("share_above_0.8", "share_below_0.3", "diagonal")
QUALITY = (("clean", 0.5, 100), ("single", 0.3, 50), ("half", 0.5, 50), ("many", 0.9, 50), ("double", 1.0, 50))
WARNING = "one step beats many"
SERIES = ("std", "rob-a", "rob-b")


def of_models(models: pd.DataFrame) -> dict[str, Any]:
    """The tables of a study's models."""
    sat, transfer = made.make_transfer(models)
    pairs = list(combinations(models["model"], 2)) + [(name, name) for name in models["model"]]
    grid = [f"layer{place}" for place in range(4)]
    cells = [(a, x, b, y, 0.5) for a, b in pairs for x, y in product(grid, grid)]
    layers = pd.DataFrame(cells, columns=["model_a", "layer_a", "model_b", "layer_b", "value"])
    return {
        "models": models,
        "cka": made.make_estimators(models),
        "layers": layers.assign(stimuli="natural", measure="cka_debiased", n=300),
        "transfer": transfer,
        "sat": sat,
        "gradients": made.make_gradients(models),
        "stitching": made.make_stitching(models),
        "gallery": made.make_gallery(models),
        **made.make_residuals(models["model"]),
    }


def of_sat(models: pd.DataFrame, *, defined: bool = True) -> dict[str, pd.DataFrame]:
    """What is made of SAT; without `defined` no statistic is, as of very few models."""
    draws = np.random.default_rng(9)
    names, known = list(models["model"]), 1.0 if defined else np.nan
    pairs = pd.DataFrame(list(combinations(names, 2)), columns=["model_a", "model_b"])
    measures = ("sat_pgd", "sat_mim", "agreement", "cka", "gradients")
    for name in measures:
        pairs[name] = 1 + draws.random(len(pairs))
    component = ["normalisation", "stem_pooling", "resolution + attention + depthwise"]
    two = list(combinations(measures, 2))
    kinds = np.resize(["seed", "architecture", "several"], len(pairs))
    varied = pairs[["model_a", "model_b"]].assign(differs=kinds, sat=pairs["sat_pgd"])
    varied = varied.assign(excess=(varied["sat"] - 0.5) * known)
    taught = [(a, b, method) for a, b in pairs[["model_a", "model_b"]].to_numpy() for method in ("hard", "soft")]
    choices = (("pgd", "mim"), ("sat", "exp_sat"), ("zero", "kept"), (2, 3, 4))
    ari, level = np.linspace(0.2, 0.9, 24) * known, np.resize([0.01, 0.2], 24) * known
    overs, ways = ("members", "best member"), ("least alike", "best of all ways and sizes")
    statistics = (("mean", 0.01), ("correlation", -0.3), ("partial correlation", -0.1))
    chosen = (("accuracy", 0.8), ("gain over best member", 0.5))
    summary = {"method": ["hard", "soft"], "value": 0.5 * known, "low": -0.2 * known, "high": 0.9 * known, "n": 136}
    return {
        "distillation_summary": pd.DataFrame(summary),
        "clusters": pd.DataFrame({"model": names, "cluster": np.resize([1, 2], len(names)), "hierarchical": 1}),
        "labels": pd.DataFrame(
            [
                ("architecture", "spectral", 0.5 * known),
                ("base", "spectral", -0.1 * known),
                ("base", "average linkage", 0.9 * known),
            ],
            columns=["label", "partition", "value"],
        ).assign(low=0.4 * known, high=0.6 * known, null=0.0, p=0.004 * known, n=len(names)),
        "sensitivity": pd.DataFrame(
            [(attack, kind, diagonal, count, count == 3) for attack, kind, diagonal, count in product(*choices)],
            columns=["attack", "affinity", "diagonal", "count", "gap"],
        ).assign(label="architecture", value=ari, low=ari - 0.1, high=ari + 0.1, null=0.0, p=level, n=len(names)),
        "stability": pd.DataFrame(
            [(kind, count, 20, 0.9) for kind in ("sat", "exp_sat") for count in (2, 3)],
            columns=["affinity", "count", "seeds", "value"],
        ).assign(low=0.85, high=0.95, null=0.0),
        "eigenvalues": pd.DataFrame(
            [(kind, rank, 0.1 * rank) for kind in ("sat", "exp_sat") for rank in (1, 2, 3)],
            columns=["affinity", "index", "eigenvalue"],
        ),
        "map": pd.DataFrame(
            [(method, name, *draws.random(2)) for method in ("mds", "tsne")[: 1 + defined] for name in names],
            columns=["method", "model", "x", "y"],
        ),
        "importance": pd.DataFrame(
            {
                "component": component,
                "value": [0.5 * known, -0.01 * known, known],
                "low": 0.1 * known,
                "high": 0.6 * known,
                "difference": [0.4, -0.2, np.nan],
                "difference_low": [0.1, -0.5, np.nan],
                "difference_high": [0.6, 0.1, np.nan],
                "pairs_shared": [3, 2, 5],
                "pairs_apart": [2, 3, 0],
            }
        ),
        "regression": pd.DataFrame(
            {"held_out": ["pairs", "models", "bases"], "value": [0.3 * known, 0.2 * known, -0.1 * known]}
        ).assign(low=-0.2 * known, high=0.4 * known, n=len(pairs), models=len(names)),
        "ensembles": pd.DataFrame(
            {"size": 2, "mean_sat": pairs["sat_pgd"], "gain": 0.01 * pairs["cka"], "over_best": -0.01, "n": 500}
        ),
        "ensemble_gains": pd.DataFrame(
            [(2, over, name, value * known) for over in overs for name, value in statistics],
            columns=["size", "over", "statistic", "value"],
        ).assign(low=-0.5 * known, high=0.0, null=0.0, n=len(pairs), models=len(names)),
        "ensemble_choice": pd.DataFrame(
            [(ways[-1], name, value * known) for name, value in chosen], columns=["chosen", "quantity", "value"]
        ).assign(low=0.4 * known, high=0.9 * known, n=500),
        "pairs": pairs,
        "mantel": pd.DataFrame(
            {"first": [a for a, _ in two], "second": [b for _, b in two], "pearson": 0.9 * known}
        ).assign(
            pearson_low=0.8 * known,
            pearson_high=0.95 * known,
            spearman=-0.9 * known,
            p=0.0001 * known,
            holm=[(0.0005 if "sat_pgd" in both else 0.3) * known for both in two],
            n=len(pairs),
            models=len(names),
        ),
        "variation": varied,
        "variation_means": variation.group_means(varied),
        "quality": pd.DataFrame(
            [
                ("pgd", name, quantity, value, value - 0.1, min(value + 0.05, 1.0), n, np.nan if place else WARNING)
                for place, name in enumerate(names)
                for quantity, value, n in QUALITY
            ],
            columns="attack model quantity value low high n warning".split(),  # noqa: SIM905
        ),
        "distillation": pd.DataFrame(taught, columns=["student", "teacher", "method"]).assign(
            value=0.01,
            low=0.005,
            high=0.015,
            n=500,
            seeds=3,
            teacher_right=0.9,
            verdict="",
            sat=2.5 * known if defined else [2.5] + [np.nan] * (len(taught) - 1),
        ),
    }


def claims(*, defined: bool = True) -> dict[str, pd.DataFrame]:
    """A row for each claim of the catalogue; with nothing defined, none has a value."""
    verdicts = ("supported", "contradicted", "undecided") if defined else ("undecided",)
    known = 1.0 if defined else np.nan
    rows = [
        {"claim": name, "paper": one.paper, "text": one.text, "statistic": one.statistic, "sign": one.sign}
        for name, one in CLAIMS.items()
    ]
    table = pd.DataFrame(rows).assign(verdict=np.resize(verdicts, len(rows)), models=30, images=100, p=0.01 * known)
    middle = table["sign"] * table["verdict"].map({"supported": 0.4, "contradicted": -0.4, "undecided": 0.1}) * known
    return {"claims": table.assign(value=middle, low=middle - 0.2, high=middle + 0.2, caveat="")}


def of_jones() -> dict[str, pd.DataFrame]:
    """The study's numbers beside the published ones."""
    cells = [
        ("1", "inverted", "cka"),
        ("3", "natural", "cka"),
        ("4", "inverted", "cka"),
        ("7", "natural", "both_right"),
    ]
    table = pd.DataFrame(cells, columns=["figure", "images", "quantity"])
    table = table.assign(ours=0.5, low=[0.4, np.nan, 0.45, 0.2], high=[0.6, np.nan, 0.5, 0.7], published=0.4)
    summary = pd.DataFrame({"figure": ["1", "all"], "quantity": "cka", "cells": [1, 3]})
    summary = summary.assign(value=0.1, low=[np.nan, 0.05], high=[np.nan, 0.15], models=4, pairs=6)
    return {
        "published": table,
        "published_summary": summary.assign(mean_absolute_difference=0.1, spearman=[np.nan, 0.5]),
    }


def block(reach: float, count: int = LAYERS, lower: float = 0.0) -> np.ndarray:
    """Similarity that falls with the distance of layers."""
    place = np.arange(count)
    return np.exp(-np.abs(place[:, None] - place) / reach) - lower


def cells(values: np.ndarray) -> dict[str, np.ndarray]:
    """A matrix as columns of a table."""
    i, j = np.indices(values.shape).reshape(2, -1)
    return {"place_a": i, "place_b": j, "value": values.ravel()}


def panels() -> pd.DataFrame:
    """Three panels on natural images and two on adversarial ones, by two measures."""
    every = [
        ("std", "natural", "std", "natural", block(5)),
        ("rob", "natural", "rob", "natural", block(20)),
        ("std", "natural", "rob", "natural", block(8, lower=0.2)),
        ("std", "pgd@std", "rob", "pgd@rob", block(6, lower=0.3)),
        ("std", "pgd@std", "rob", "pgd@std", block(7, lower=0.3)),
    ]
    frames = []
    for place, (a, seen_a, b, seen_b, values) in enumerate(every, 1):
        about = {"panel": place, "model_a": a, "seen_a": seen_a, "model_b": b, "seen_b": seen_b, "n": 300}
        for measure, more in (("cka_debiased", 0.0), ("cka_minibatch", 0.01 * place)):
            frames.append(pd.DataFrame({**about, "measure": measure, **cells(values + more)}))
    return pd.concat(frames, ignore_index=True)


def layer_models(*names: str) -> pd.DataFrame:
    """models.csv of some models; those whose names begin with 'rob' are robust."""
    robust = [name.startswith("rob") for name in names]
    return pd.DataFrame(
        {
            "model": names,
            "architecture": "resnet",
            "training": ["linf10" if one else "standard" for one in robust],
            "norm": ["linf" if one else "" for one in robust],
            "eps": [0.1 if one else 0.0 for one in robust],
            "arguments": "",
            "parameters": 100,
            "clean_accuracy": np.linspace(0.99, 0.9, len(names)),
        }
    )


def distances() -> dict[str, pd.DataFrame]:
    """Similarity by distance and summaries of two panels on natural images, with published ones."""
    rows, summaries = [], []
    for place, name in enumerate(("std", "rob"), 1):
        about = {"panel": place, "model_a": name, "seen_a": "natural", "model_b": name, "seen_b": "natural"}
        rows += [{**about, "share": step / 19, "value": 1 - step / 25} for step in range(1, 20)]
        for summary in SUMMARIES[:4] + SHARES:
            numbers = {"value": 0.3 * place, "published": 0.25 * place, "measure": "cka_debiased", "n": 300}
            summaries.append({**about, "summary": summary, **numbers})
    return {"distance": pd.DataFrame(rows), "structure": pd.DataFrame(summaries)}


def along(**about: object) -> pd.DataFrame:
    """A row for each layer."""
    every = {"place": range(LAYERS), "depth": np.linspace(0, 1, LAYERS), "measure": "cka_debiased", "n": 300}
    return pd.DataFrame({**every, **about})


def benign() -> dict[str, pd.DataFrame]:
    """Two models under two attacks, of which one has accuracies."""
    about = list(product(("std", "rob"), (0.1, 0.05)))
    frames = [
        along(model=model, attack=f"linf{eps}", norm="linf", eps=eps, value=1 - np.linspace(0, eps, LAYERS))
        for model, eps in about
    ]
    accuracy = pd.DataFrame({"model": ["std", "rob"], "attack": ["linf0.1"] * 2, "accuracy": [0.01, 0.8]})
    return {"benign": pd.concat(frames), "accuracy": accuracy}


def training() -> dict[str, pd.DataFrame]:
    """Two models at three epochs, on held-out and on training images, clean and under attack."""
    runs = list(product(("std", "rob"), (0, 3, 9), ("natural", "training")))
    epochs = [
        along(model=model, images=seen, epoch=epoch, to=to, value=value)
        for model, epoch, seen in runs
        for to, value in (("last", epoch / 9), ("previous", 0.5))
        if epoch or to == "last"
    ]
    rows = [
        (model, epoch, seen, attack, 0.1 * epoch - (0.2 if seen == "natural" else 0), 200)
        for model, epoch, seen in runs
        for attack in ("", "pgd")
    ]
    curves = pd.DataFrame(rows, columns=["model", "epoch", "images", "attack", "accuracy", "n"])
    return {"epochs": pd.concat(epochs), "curves": curves}


def principal() -> pd.DataFrame:
    """Shares of variance of two models on natural images and on those of two attacks."""
    frames = [
        along(model=model, seen=seen, value=0.5 if model == "std" else 0.2)
        for model in ("std", "rob")
        for seen in ("natural", f"pgd@{model}", "pgd@std")
    ]
    return pd.concat(frames).drop_duplicates(["model", "seen", "place"])


def estimators() -> pd.DataFrame:
    """Differences of another estimator on two panels."""
    table = pd.DataFrame({"panel": [1, 3], "model_a": "std", "model_b": ["std", "rob"], "n": 300})
    return table.assign(
        measure="cka_minibatch",
        against="cka_debiased",
        mean_absolute_difference=[0.01, 0.03],
        largest_absolute_difference=[0.01, 0.03],
    )


def alignments() -> pd.DataFrame:
    """One pair of models by three measures."""
    measures = (("cka_debiased", 0.4, 0.0, 299), ("cca", 1.0, 1.0, 299), ("svcca", 0.7, 0.2, 20))
    frames = [
        along(model_a="std", model_b="rob", value=value, null=null, rank_a=299, rank_b=rank).assign(measure=name)
        for name, value, null, rank in measures
    ]
    return pd.concat(frames)


def series() -> dict[str, pd.DataFrame]:
    """Three models side by side, with an attack that was made on one of them alone."""
    frames = [
        along(series="threats", model_a=a, model_b=b, value=1 - 0.2 * abs(i - j) - (0.02 if i > j else 0))
        for (i, a), (j, b) in product(enumerate(SERIES), repeat=2)
    ]
    own = [
        pd.DataFrame({"series": "threats", "model": name, "n": 300, **cells(block(5 + 5 * place))})
        for place, name in enumerate(SERIES)
    ]
    structure = {"series": "threats", "model": np.repeat(SERIES, 3), "value": np.arange(9) / 10}
    summaries = ["mean_off_diagonal", "first_vs_last_half", "principal_share"] * 3
    attacked = {"model": [*SERIES, "std"], "attack": ["pgd"] * 3 + ["only-std"], "accuracy": [0.0, 0.5, 0.6, 0.3]}
    return {
        "series": pd.concat(frames),
        "accuracy": pd.DataFrame(attacked),
        "models": layer_models(*SERIES),
        "series_cells": pd.concat(own),
        "series_structure": pd.DataFrame({**structure, "summary": summaries}),
    }


def of_layers() -> dict[str, pd.DataFrame]:
    """The tables of layers; models and accuracies are those of the series with those of the panels."""
    found = {
        **series(),
        **distances(),
        **training(),
        "benign": benign()["benign"],
        "panels": panels(),
        "principal": principal(),
        "estimators": estimators(),
        "alignments": alignments(),
    }
    found["accuracy"] = pd.concat([found["accuracy"], benign()["accuracy"]])
    found["models"] = layer_models(*SERIES, "rob")
    return {f"cianfarani/{name}": table for name, table in found.items()}


def every_table(models: pd.DataFrame, *, defined: bool = True) -> dict[str, Any]:
    """All tables by their names in the catalogue."""
    return {
        **of_models(models),
        **of_sat(models, defined=defined),
        **claims(defined=defined),
        **of_jones(),
        **of_layers(),
    }
