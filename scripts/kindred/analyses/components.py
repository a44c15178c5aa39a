"""Architectural components that explain SAT between pairs of models.

After Hwang et al. (2024), who describe a network by 13 components and regress SAT on those of both models,
without stating the regressor. Here each component of a pair is one unordered category, and gradient boosting
splits on categories directly, as components have no order. Pairs share models, so R2 over held-out pairs is
optimistic about a new model; R2 with whole models held out is given as well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor

from kindred.workflow.errors import BadInput

Floats = NDArray[np.float64]

# Column of components.csv -> heading in the table of Hwang et al. (2024).
COMPONENTS = {
    "base": "Base architecture",
    "hierarchical": "Hierarchical structure",
    "stem": "Stem layer",
    "resolution": "Input resolution",
    "normalisation": "Normalization",
    "activation": "Activation",
    "stem_pooling": "Pooling (stem)",
    "final_pooling": "Pooling (final)",
    "attention": "2D SA",
    "channel_attention": "CW attention",
    "channel_attention_place": "Location of CW attention",
    "depthwise": "DW conv",
    "grouped": "Group conv",
}
MAX_CATEGORIES = 255  # of histogram-based boosting
MIN_LEAF = 5  # pairs in a leaf
DRAWS = 3  # of folds of models


@dataclass(frozen=True)
class Boosting:
    """Settings of the regression: trees, depth, learning rate, cross-validation folds, repeats, seed."""

    trees: int = 300
    depth: int = 4
    lr: float = 0.05
    folds: int = 5
    repeats: int = 10
    seed: int = 0


@dataclass(frozen=True)
class Explained:
    """Explanatory power of components: R2 over held-out pairs and with held-out models, and importances.

    `importance` and `error` (component,): mean loss of R2 on held-out pairs when a component is permuted
    among them, and its standard deviation over folds and repeats.
    """

    r2_pairs: float
    r2_models: float
    importance: Floats
    error: Floats


def read(path: str | Path, models: Sequence[str] | None = None) -> pd.DataFrame:
    """The 13 components of these models (by default all in the file), one row each in their order, as text.

    The first column of the file names the models; the others are named as in COMPONENTS, by key or by
    heading. Raises BadInput for a missing column, and for a model that is missing or repeated.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise BadInput(f"the table of components '{path}' cannot be read as CSV ({error}).") from error
    table = table.rename(columns={heading: name for name, heading in COMPONENTS.items()})
    if absent := [name for name in COMPONENTS if name not in table.columns]:
        raise BadInput(f"the table of components '{path}' has no column '{absent[0]}' (or '{COMPONENTS[absent[0]]}').")
    names = table.iloc[:, 0].astype(str)
    if names.duplicated().any():
        raise BadInput(f"'{path}' holds the model '{names[names.duplicated()].iloc[0]}' more than once.")
    models = list(names) if models is None else models
    if missing := [model for model in models if model not in set(names)]:
        raise BadInput(f"'{path}' lacks the model '{missing[0]}' ({len(missing)} of {len(models)} are missing).")
    table = table.set_index(names)[list(COMPONENTS)].loc[list(models)]
    table.index.name = "model"
    return table


def pair_categories(values: Sequence[str], first: NDArray[np.int64], second: NDArray[np.int64]) -> Floats:
    """One category for each unordered pair of values, (pairs,); if too many, rare ones share the last."""
    codes = np.unique(np.asarray(values, dtype=str), return_inverse=True)[1]
    low, high = np.minimum(codes[first], codes[second]), np.maximum(codes[first], codes[second])
    _, inverse, count = np.unique(low * (codes.max() + 1) + high, return_inverse=True, return_counts=True)
    rank = np.empty(len(count), dtype=np.int64)
    rank[np.argsort(-count, kind="stable")] = np.arange(len(count))
    return np.minimum(rank[inverse], MAX_CATEGORIES - 1).astype(np.float64)


def explain(
    sat: Floats, first: NDArray[np.int64], second: NDArray[np.int64], table: pd.DataFrame, settings: Boosting
) -> Explained:
    """Gradient-boosted regression of `sat` (pairs,) of models first[i] and second[i] on their components.

    Over pairs: folds of pairs, R2 of all held-out predictions together. With models held out: folds of
    models; each fold is trained on the pairs among the other models and tested on those with a model of the
    fold, and R2 is the mean over all folds of three draws. NaN where there is too little to train on.

    Raises BadInput for fewer models than folds.
    """
    models = len(table)
    if models < settings.folds + 1:
        raise BadInput(
            f"sat.components.folds is {settings.folds}, but there are only {models} models; it must be below that."
        )
    features = np.column_stack([pair_categories(list(table[name]), first, second) for name in table.columns])
    rng = np.random.default_rng(settings.seed)
    predicted = np.full(len(sat), np.nan)
    losses = []
    for held in np.array_split(rng.permutation(len(sat)), settings.folds):
        rest = np.setdiff1d(np.arange(len(sat)), held)
        model = _fit(features[rest], sat[rest], settings)
        predicted[held] = model.predict(features[held])
        losses.append(_permutation_loss(model, features[held], sat[held], settings.repeats, rng))
    drops = np.concatenate(losses) / max(float(sat.var()), 1e-300)
    scores = []
    # This R2 depends on the division of models into folds more than on anything else, hence several draws.
    for fold in (part for _ in range(DRAWS) for part in np.array_split(rng.permutation(models), settings.folds)):
        out = np.isin(first, fold) | np.isin(second, fold)
        if (~out).sum() >= 2 * MIN_LEAF:
            model = _fit(features[~out], sat[~out], settings)
            scores.append(r2(sat[out], model.predict(features[out])))
    r2_models = float(np.mean(scores)) if scores else float("nan")
    return Explained(r2(sat, predicted), r2_models, drops.mean(axis=0), drops.std(axis=0))


def _fit(features: Floats, sat: Floats, settings: Boosting) -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(
        max_iter=settings.trees,
        max_depth=settings.depth,
        learning_rate=settings.lr,
        min_samples_leaf=MIN_LEAF,
        categorical_features=list(range(features.shape[1])),
        early_stopping=False,
        random_state=settings.seed,
    ).fit(features, sat)


def _permutation_loss(
    model: HistGradientBoostingRegressor, features: Floats, sat: Floats, repeats: int, rng: np.random.Generator
) -> Floats:
    """Increase of the mean squared error (repeat, component) when a component is permuted among the pairs."""
    before = np.mean((model.predict(features) - sat) ** 2)
    rise = np.zeros((repeats, features.shape[1]))
    for column in range(features.shape[1]):
        for repeat in range(repeats):
            shuffled = features.copy()
            shuffled[:, column] = rng.permutation(shuffled[:, column])
            rise[repeat, column] = np.mean((model.predict(shuffled) - sat) ** 2) - before
    return rise


def r2(true: Floats, predicted: Floats) -> float:
    """Share of variance explained: 1 at best, 0 for predicting the mean; NaN without variance."""
    spread = float(((true - true.mean()) ** 2).sum())
    return 1 - float(((true - predicted) ** 2).sum()) / spread if spread else float("nan")


def importance_table(
    sat: Floats, first: NDArray[np.int64], second: NDArray[np.int64], table: pd.DataFrame, found: Explained
) -> pd.DataFrame:
    """Importance table: one row per component, the most important first.

    With the mean SAT of pairs whose values are the same and of those whose values differ, and their numbers.
    """
    rows = []
    for name, importance, error in zip(table.columns, found.importance, found.error, strict=True):
        values = table[name].to_numpy(dtype=str)
        same = values[first] == values[second]
        shared, apart = (sat[chosen].mean() if chosen.any() else np.nan for chosen in (same, ~same))
        rows.append((name, importance, error, shared, apart, shared - apart, same.sum(), (~same).sum()))
    columns = "component importance importance_sd sat_shared sat_apart difference pairs_shared pairs_apart".split()  # noqa: SIM905
    result = pd.DataFrame(rows, columns=columns)
    return result.sort_values("importance", ascending=False, kind="stable", ignore_index=True)


def label_columns(table: pd.DataFrame) -> Mapping[str, list[str]]:
    """Columns that divide the models: more than one value, but not one for each model."""
    divided = {str(name): [str(value) for value in table[name]] for name in table.columns}
    return {name: values for name, values in divided.items() if 1 < len(set(values)) < len(values)}
