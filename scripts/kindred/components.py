"""What makes models alike: SAT of pairs explained by the components that their networks are built from.

After Hwang et al. (2024), who describe a network by 13 components and regress SAT on those of both models. They do
not say with what; here each component of a pair is one unordered category and gradient boosting splits categories
as such, since components have no order. Pairs share models, so R2 over held-out pairs is optimistic about a model
never seen: R2 with whole models held out stands beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor

from kindred.errors import BadInput

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
MOST_CATEGORIES = 255  # that histogram-based boosting can tell apart
FEWEST_LEAF = 5
DRAWS = 3  # of folds of models


@dataclass(frozen=True)
class Boosting:
    """Settings of the regression: trees, their depth, the learning rate, folds of cross-validation, a seed."""

    trees: int = 300
    depth: int = 4
    lr: float = 0.05
    folds: int = 5
    repeats: int = 10
    seed: int = 0


@dataclass(frozen=True)
class Explained:
    """What components explain: R2 over held-out pairs and over pairs with a held-out model, and importances.

    `importance` and `error` (component,): mean loss of R2 on held-out pairs once a component is shuffled among
    them, and its standard deviation over folds and repeats.
    """

    r2_pairs: float
    r2_models: float
    importance: Floats
    error: Floats


def read(path: str | Path, models: Sequence[str] | None = None) -> pd.DataFrame:
    """The 13 components of these models (of all in the file by default), one row each in their order, all text.

    The first column of the file names the models; the others are called as in COMPONENTS, by either name. Raises
    BadInput for a missing column, and for a model that is missing or there twice.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise BadInput(f"the table of components '{path}' cannot be read as CSV ({error}).") from error
    table = table.rename(columns={heading: name for name, heading in COMPONENTS.items()})
    if absent := [name for name in COMPONENTS if name not in table.columns]:
        raise BadInput(
            f"the table of components '{path}' has no column '{absent[0]}' (or '{COMPONENTS[absent[0]]}')."
        )
    names = table.iloc[:, 0].astype(str)
    if names.duplicated().any():
        raise BadInput(f"'{path}' holds the model '{names[names.duplicated()].iloc[0]}' more than once.")
    models = list(names) if models is None else models
    if missing := [model for model in models if model not in set(names)]:
        raise BadInput(
            f"'{path}' says nothing about the model '{missing[0]}' ({len(missing)} of {len(models)} are missing)."
        )
    table = table.set_index(names)[list(COMPONENTS)].loc[list(models)]
    table.index.name = "model"
    return table


def pair_categories(values: Sequence[str], first: NDArray[np.int64], second: NDArray[np.int64]) -> Floats:
    """One number for each unordered pair of values, (pairs,), as a category; rare ones share the last if too many."""
    codes = np.unique(np.asarray(values, dtype=str), return_inverse=True)[1]
    low, high = np.minimum(codes[first], codes[second]), np.maximum(codes[first], codes[second])
    _, inverse, count = np.unique(low * (codes.max() + 1) + high, return_inverse=True, return_counts=True)
    place = np.empty(len(count), dtype=np.int64)
    place[np.argsort(-count, kind="stable")] = np.arange(len(count))
    return np.minimum(place[inverse], MOST_CATEGORIES - 1).astype(np.float64)


def explain(
    sat: Floats, first: NDArray[np.int64], second: NDArray[np.int64], table: pd.DataFrame, settings: Boosting
) -> Explained:
    """Gradient-boosted regression of `sat` (pairs,) of the models first[i] and second[i] on their components.

    Over pairs: folds of pairs, R2 of all held-out predictions together. With models held out: folds of models; a
    fold is learnt from the pairs among the other models, tested on those with a model of its own, and R2 is the
    mean over all folds of three draws. NaN where there is too little to learn from.

    Raises BadInput for fewer models than folds.
    """
    models = len(table)
    if models < settings.folds + 1:
        raise BadInput(f"{models} models are too few for {settings.folds} folds; set sat.components.folds.")
    features = np.column_stack([pair_categories(list(table[name]), first, second) for name in table.columns])
    rng = np.random.default_rng(settings.seed)
    predicted = np.full(len(sat), np.nan)
    lost = []
    for held in np.array_split(rng.permutation(len(sat)), settings.folds):
        learnt = np.setdiff1d(np.arange(len(sat)), held)
        model = _fit(features[learnt], sat[learnt], settings)
        predicted[held] = model.predict(features[held])
        lost.append(_lost(model, features[held], sat[held], settings.repeats, rng))
    drops = np.concatenate(lost) / max(float(sat.var()), 1e-300)
    apart = []
    # How models fall into folds moves this R2 more than anything else, hence several draws.
    for fold in (
        part for _ in range(DRAWS) for part in np.array_split(rng.permutation(models), settings.folds)
    ):
        out = np.isin(first, fold) | np.isin(second, fold)
        if (~out).sum() >= 2 * FEWEST_LEAF:
            model = _fit(features[~out], sat[~out], settings)
            apart.append(r2(sat[out], model.predict(features[out])))
    r2_models = float(np.mean(apart)) if apart else float("nan")
    return Explained(r2(sat, predicted), r2_models, drops.mean(axis=0), drops.std(axis=0))


def _fit(features: Floats, sat: Floats, settings: Boosting) -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(
        max_iter=settings.trees,
        max_depth=settings.depth,
        learning_rate=settings.lr,
        min_samples_leaf=FEWEST_LEAF,
        categorical_features=list(range(features.shape[1])),
        early_stopping=False,
        random_state=settings.seed,
    ).fit(features, sat)


def _lost(
    model: HistGradientBoostingRegressor,
    features: Floats,
    sat: Floats,
    repeats: int,
    rng: np.random.Generator,
) -> Floats:
    """Rise of the mean squared error (repeat, component) when a component is shuffled among the pairs."""
    before = np.mean((model.predict(features) - sat) ** 2)
    rise = np.zeros((repeats, features.shape[1]))
    for column in range(features.shape[1]):
        for repeat in range(repeats):
            shuffled = features.copy()
            shuffled[:, column] = rng.permutation(shuffled[:, column])
            rise[repeat, column] = np.mean((model.predict(shuffled) - sat) ** 2) - before
    return rise


def r2(true: Floats, predicted: Floats) -> float:
    """Share of the variance explained: 1 at best, 0 for saying the mean, negative for worse; NaN without variance."""
    spread = float(((true - true.mean()) ** 2).sum())
    return 1 - float(((true - predicted) ** 2).sum()) / spread if spread else float("nan")


def shared(sat: Floats, first: NDArray[np.int64], second: NDArray[np.int64], values: Sequence[str]) -> tuple:
    """(mean SAT where both have the same value, mean where not, pairs that have, pairs that have not)."""
    codes = np.asarray(values, dtype=str)
    same = codes[first] == codes[second]
    means = [float(sat[chosen].mean()) if chosen.any() else float("nan") for chosen in (same, ~same)]
    return (*means, int(same.sum()), int((~same).sum()))


def table_of(
    sat: Floats, first: NDArray[np.int64], second: NDArray[np.int64], table: pd.DataFrame, found: Explained
) -> pd.DataFrame:
    """One row a component, the most important first."""
    rows = [shared(sat, first, second, list(table[name])) for name in table.columns]
    made = pd.DataFrame(rows, columns=["sat_shared", "sat_apart", "pairs_shared", "pairs_apart"])
    made.insert(0, "component", list(table.columns))
    made.insert(1, "importance", found.importance)
    made.insert(2, "importance_sd", found.error)
    made.insert(5, "difference", made["sat_shared"] - made["sat_apart"])
    return made.sort_values("importance", ascending=False, kind="stable").reset_index(drop=True)


def label_columns(table: pd.DataFrame) -> Mapping[str, list[str]]:
    """Columns that divide the models: with more than one value, and not one for each model."""
    divided = {str(name): [str(value) for value in table[name]] for name in table.columns}
    return {name: values for name, values in divided.items() if 1 < len(set(values)) < len(values)}
