"""Architectural components that explain SAT between pairs of models.

After Hwang et al. (2024), who describe a network by 13 components and regress SAT on those of both models,
without stating the regressor. Here each component of a pair is one unordered category, and gradient boosting
splits on categories directly, as components have no order. How a model was trained counts as a component too, where it
is known. Components that divide the models alike are one: nothing can tell them apart. Pairs share models, so R2 over
held-out pairs is optimistic about a new model, and models share architectures, so R2 with whole models held out is
optimistic about a new architecture; all are given.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor

from kindred.analyses import correlations
from kindred.workflow.errors import BadInput

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Predictions = tuple[Indices, Floats]

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
JOINED = " + "  # between the names of components that divide the models alike


@dataclass(frozen=True)
class Boosting:
    """Settings of the regression: trees, depth, learning rate, folds, divisions into them, shuffles, draws, seed."""

    trees: int = 300
    depth: int = 4
    lr: float = 0.05
    folds: int = 5
    divisions: int = 5
    repeats: int = 10
    draws: int = 1000
    seed: int = 0


@dataclass(frozen=True)
class Pairs:
    """SAT (pairs,) of models first[i] and second[i], indices into so many models."""

    sat: Floats
    first: Indices
    second: Indices
    models: int

    def touching(self, models: Indices) -> NDArray[np.bool_]:
        """The pairs with at least one of these models, (pairs,)."""
        return np.isin(self.first, models) | np.isin(self.second, models)


@dataclass(frozen=True)
class Explained:
    """Explanatory power of components: R2 for each division into folds, and importances.

    r2: {what is held out: (division,)}; units: {what is held out: their number}. importance: (component, division x
    fold x shuffle), the loss of R2 on held-out pairs when a component is permuted among them. predictions: {what is
    held out: for each division the pairs that were held out and what was predicted of them}; resampled: {what is held
    out: the unit of each model that is drawn for the interval of R2}.
    """

    r2: dict[str, Floats]
    units: dict[str, int]
    importance: Floats
    predictions: dict[str, list[Predictions]]
    resampled: dict[str, Indices]


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


def with_training(table: pd.DataFrame, models: pd.DataFrame) -> pd.DataFrame:
    """The table with one more component: the training of each model, by its name, norm and radius in `models.csv`."""
    own = models.astype({"model": str}).set_index("model").loc[table.index, ["training", "norm", "eps"]]
    return table.assign(training=own.fillna("").astype(str).agg(" ".join, axis=1))


def merged(table: pd.DataFrame) -> pd.DataFrame:
    """The table with columns that divide the models alike as one, under the names of all of them."""
    same: dict[bytes, list[str]] = {}
    for name in table.columns:
        same.setdefault(pd.factorize(table[name])[0].tobytes(), []).append(str(name))
    return pd.DataFrame({JOINED.join(names): table[names[0]] for names in same.values()}, index=table.index)


def explain(pairs: Pairs, table: pd.DataFrame, groups: Mapping[str, Sequence[str]], settings: Boosting) -> Explained:
    """Gradient-boosted regression of SAT on the components of both models, for several divisions into folds.

    Over pairs: folds of pairs. With models held out: folds of models; each fold is trained on the pairs among the other
    models and tested on those with a model of the fold. `groups` {name: its value for each model} are held out whole in
    the same way, where there are several and fewer than models. R2 is of the predictions of all folds of a division
    together. NaN where there is too little to train on.

    Raises BadInput for fewer models than folds.
    """
    if pairs.models < settings.folds + 1:
        raise BadInput(
            f"sat.components.folds is {settings.folds}, but there are only {pairs.models} models; it must be below "
            "that."
        )
    features = np.column_stack([pair_categories(list(table[name]), pairs.first, pairs.second) for name in table])
    everyone = np.arange(pairs.models)
    units = {"models": [np.array([model]) for model in everyone]}
    for name, values in groups.items():
        codes = np.unique(np.asarray(values, dtype=str), return_inverse=True)[1]
        if 1 < codes.max() + 1 < pairs.models:
            units[name] = [everyone[codes == code] for code in range(codes.max() + 1)]
    found: dict[str, list[Predictions]] = {name: [] for name in ("pairs", *units)}
    losses = []
    for division in range(settings.divisions):
        rng = np.random.default_rng([settings.seed, division])
        predicted = np.full(len(pairs.sat), np.nan)
        for held in np.array_split(rng.permutation(len(pairs.sat)), settings.folds):
            rest = np.setdiff1d(np.arange(len(pairs.sat)), held)
            model = _fit(features[rest], pairs.sat[rest], settings)
            predicted[held] = model.predict(features[held])
            losses.append(_permutation_loss(model, features[held], pairs.sat[held], settings.repeats, rng))
        found["pairs"].append((np.arange(len(pairs.sat)), predicted))
        for name, members in units.items():
            found[name].append(_without(pairs, features, members, settings, rng))
    drops = np.concatenate(losses).T / max(float(pairs.sat.var()), 1e-300)
    counts = {"pairs": len(pairs.sat), **{name: len(members) for name, members in units.items()}}
    scores = {name: np.array([r2(pairs.sat[rows], values) for rows, values in each]) for name, each in found.items()}
    resampled = {"pairs": everyone}
    for name, members in units.items():
        resampled[name] = np.empty(pairs.models, dtype=np.int64)
        for unit, models in enumerate(members):
            resampled[name][models] = unit
    return Explained(scores, counts, drops, found, resampled)


def _without(
    pairs: Pairs, features: Floats, units: Sequence[Indices], settings: Boosting, rng: np.random.Generator
) -> Predictions:
    """All pairs with a held-out unit, and what was predicted of them from the pairs without it, fold by fold of units.

    A pair of units of two folds is there twice.
    """
    rows, predicted = [np.empty(0, dtype=np.int64)], [np.empty(0)]
    for fold in np.array_split(rng.permutation(len(units)), min(settings.folds, len(units))):
        out = pairs.touching(np.concatenate([units[unit] for unit in fold]))
        if (~out).sum() >= 2 * MIN_LEAF:
            rows.append(np.flatnonzero(out))
            predicted.append(_fit(features[~out], pairs.sat[~out], settings).predict(features[out]))
    return np.concatenate(rows), np.concatenate(predicted)


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
    spread = float(((true - true.mean()) ** 2).sum()) if len(true) else 0.0
    return 1 - float(((true - predicted) ** 2).sum()) / spread if spread else float("nan")


def mean_r2(sat: Floats, divisions: Sequence[Predictions]) -> correlations.Statistic:
    """The mean over divisions of R2 of their predictions, as a function of the weights of pairs."""

    def statistic(weights: Floats) -> Floats:
        each = []
        for rows, predicted in divisions:
            true, own = sat[rows], weights[:, rows]
            total = own.sum(axis=1)
            with np.errstate(invalid="ignore", divide="ignore"):
                spread = own @ true**2 / total - (own @ true / total) ** 2
                each.append(1 - own @ (true - predicted) ** 2 / total / np.where(spread > 0, spread, np.nan))
        return np.asarray(np.mean(each, axis=0))

    return statistic


def regression_table(pairs: Pairs, found: Explained, settings: Boosting) -> pd.DataFrame:
    """R2 by what is held out: the mean over divisions into folds, and the least and the most of them.

    low and high resample the units held out (models where pairs are), with the predictions as they are: they tell how
    much R2 hangs on these units, not how it would change with others to train on.
    """
    rows = []
    for name, values in found.r2.items():
        units = found.resampled[name]
        sets = np.column_stack([units[pairs.first], units[pairs.second]])
        statistic = mean_r2(pairs.sat, found.predictions[name])
        bounds = correlations.interval(statistic, sets, int(units.max()) + 1, settings.draws, settings.seed)
        counts = (len(pairs.sat), found.units[name], pairs.models)
        rows.append((name, values.mean(), *bounds, 0.0, values.min(), values.max(), *counts))
    columns = ["held_out", "value", "low", "high", "null", "least", "most", "n", "units", "models"]
    return pd.DataFrame(rows, columns=columns)


def importance_table(pairs: Pairs, table: pd.DataFrame, found: Explained, settings: Boosting) -> pd.DataFrame:
    """Importance table: one row per component, the most important first.

    low and high are the middle 95 % of its losses. With the mean SAT of pairs whose values are the same and of those
    whose values differ, and their numbers; the interval of the difference resamples models.
    """
    rows, sets = [], np.column_stack([pairs.first, pairs.second])
    for name, losses in zip(table.columns, found.importance, strict=True):
        values = table[name].to_numpy(dtype=str)
        same = values[pairs.first] == values[pairs.second]
        shared, apart = (pairs.sat[chosen].mean() if chosen.any() else np.nan for chosen in (same, ~same))
        bounds = correlations.interval(
            correlations.difference(pairs.sat, same), sets, pairs.models, settings.draws, settings.seed
        )
        importance = (losses.mean(), *np.quantile(losses, [0.025, 0.975]), 0.0, len(pairs.sat))
        rows.append((name, *importance, shared, apart, shared - apart, *bounds, same.sum(), (~same).sum()))
    columns = ["component", "value", "low", "high", "null", "n", "sat_shared", "sat_apart"]
    columns += ["difference", "difference_low", "difference_high", "pairs_shared", "pairs_apart"]
    result = pd.DataFrame(rows, columns=columns)
    return result.sort_values("value", ascending=False, kind="stable", ignore_index=True)


def label_columns(table: pd.DataFrame) -> Mapping[str, list[str]]:
    """Columns that divide the models: more than one value, but not one for each model."""
    divided = {str(name): [str(value) for value in table[name]] for name in table.columns}
    return {name: values for name, values in divided.items() if 1 < len(set(values)) < len(values)}
