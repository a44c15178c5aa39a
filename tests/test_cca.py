"""CCA, SVCCA, PWCCA and Procrustes against independent float64 code, and their invariances."""

import math

import numpy as np
import pytest
from kindred.similarity import cca
from kindred.similarity.cca import MEASURES, spread
from kindred.workflow.errors import BadInput
from scipy.linalg import orthogonal_procrustes, sqrtm
from scipy.stats import ortho_group

RNG = np.random.default_rng(0)


def pair(n: int = 60, p: int = 7, q: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Two representations that share part of their structure, far from the origin and unevenly scaled."""
    shared = RNG.standard_normal((n, 3))
    return tuple(  # type: ignore[return-value]
        shared @ RNG.standard_normal((3, k)) + RNG.standard_normal((n, k)) * RNG.uniform(0.2, 2, k) + 5 for k in (p, q)
    )


def canonical(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Canonical correlations by whitening of covariances (Hotelling), and the canonical variables of x."""
    x, y = x - x.mean(0), y - y.mean(0)
    white = np.linalg.inv(sqrtm(x.T @ x).real)
    u, s, _ = np.linalg.svd(white @ x.T @ y @ np.linalg.inv(sqrtm(y.T @ y).real), full_matrices=False)
    return s, x @ white @ u


def test_cca_agrees_with_whitened_covariances() -> None:
    x, y = pair()
    correlations, _ = canonical(x, y)
    assert cca.cca(spread(x), spread(y)) == pytest.approx(correlations.mean(), abs=1e-9)


def test_svcca_is_cca_of_the_leading_directions() -> None:
    x, y = pair()

    def first(z: np.ndarray, k: int) -> np.ndarray:
        z = z - z.mean(0)
        vectors = np.linalg.eigh(z.T @ z)[1][:, ::-1]
        return z @ vectors[:, :k]

    correlations, _ = canonical(first(x, 3), first(y, 3))
    assert cca.svcca(spread(x), spread(y), 3) == pytest.approx(correlations.mean(), abs=1e-9)
    assert cca.svcca(spread(x), spread(y), 99) == pytest.approx(cca.cca(spread(x), spread(y)))


def test_pwcca_weights_directions_by_their_share() -> None:
    x, y = pair()
    correlations, variables = canonical(x, y)
    weights = np.abs(variables.T @ (x - x.mean(0))).sum(1)
    expected = (weights * correlations).sum() / weights.sum()
    assert cca.pwcca(spread(x), spread(y)) == pytest.approx(expected, abs=1e-9)
    assert cca.pwcca(spread(y), spread(x)) != pytest.approx(expected, abs=1e-4)


def test_procrustes_follows_from_the_best_rotation() -> None:
    x, y = pair(p=6, q=6)
    a, b = ((z - z.mean(0)) / np.linalg.norm(z - z.mean(0)) for z in (x, y))
    rotation, _ = orthogonal_procrustes(a, b)
    distance = np.linalg.norm(a @ rotation - b) ** 2
    assert cca.procrustes(spread(x), spread(y)) == pytest.approx(1 - distance / 2, abs=1e-9)


@pytest.mark.parametrize("name", MEASURES)
def test_invariances(name: str) -> None:
    measure = MEASURES[name]
    x, y = pair()
    value = measure(spread(x), spread(y))
    turn = ortho_group.rvs(7, random_state=0)
    # PWCCA as published weighs neurons, so only their order does not matter.
    rotated = 3.7 * x @ (np.eye(7)[RNG.permutation(7)] if name == "pwcca" else turn) - 2
    assert measure(spread(rotated), spread(y)) == pytest.approx(value, abs=1e-9)
    assert measure(spread(x), spread(x)) == pytest.approx(1, abs=1e-9)
    linear = x @ (RNG.standard_normal((7, 7)) + 3 * np.eye(7))
    same = measure(spread(y), spread(linear)) == pytest.approx(measure(spread(y), spread(x)), abs=1e-6)
    assert same == (name in ("cca", "pwcca", "svcca"))  # SVCCA keeps all of 7 directions


@pytest.mark.parametrize("name", MEASURES)
def test_more_features_than_images_give_the_same_value(name: str) -> None:
    x, y = pair(n=30)
    mixed = np.eye(47) if name == "pwcca" else ortho_group.rvs(47, random_state=1)
    wide = np.concatenate([x, np.zeros((30, 40))], axis=1) @ mixed
    assert MEASURES[name](spread(wide), spread(y)) == pytest.approx(MEASURES[name](spread(x), spread(y)), abs=1e-6)
    assert len(spread(wide).s) == 7


def test_cca_is_one_with_as_many_directions_as_images() -> None:
    x, y = RNG.standard_normal((20, 50)), RNG.standard_normal((20, 60))
    assert len(spread(x).s) == 19
    assert cca.cca(spread(x), spread(y)) == pytest.approx(1, abs=1e-9)
    assert cca.procrustes(spread(x), spread(y)) < 0.95


@pytest.mark.parametrize("name", MEASURES)
def test_null_level_is_the_mean_over_random_pairings_and_far_from_zero(name: str) -> None:
    x, y = RNG.standard_normal((40, 12)), RNG.standard_normal((40, 9))
    orders = [np.random.default_rng(index).permutation(40) for index in range(5)]
    naive = np.mean([MEASURES[name](spread(x), spread(y[order])) for order in orders])
    found = cca.null(name, spread(x), spread(y), orders)
    assert found == pytest.approx(naive, abs=1e-9)
    # These two are unrelated, so what they have is near the null level.
    assert found > 0.3 and MEASURES[name](spread(x), spread(y)) == pytest.approx(found, abs=0.1)


def test_null_level_of_cca_is_one_with_as_many_directions_as_images() -> None:
    wide, y = RNG.standard_normal((20, 50)), RNG.standard_normal((20, 3))
    for sides in ((wide, y), (y, wide)):
        a, b = map(spread, sides)
        for name in ("cca", "pwcca"):
            assert cca.null(name, a, b, []) == 1 == pytest.approx(MEASURES[name](a, b))
    assert math.isnan(cca.null("cca", spread(np.ones((20, 3))), spread(y), []))


def test_constant_activations_are_undefined() -> None:
    flat, x = spread(np.full((20, 3), 7.0, dtype=np.float32)), spread(RNG.standard_normal((20, 3)))
    assert flat.constant
    assert all(math.isnan(measure(flat, x)) and math.isnan(measure(x, flat)) for measure in MEASURES.values())


def test_activations_that_are_not_finite_are_an_error() -> None:
    with pytest.raises(BadInput, match="must be finite"):
        spread(np.array([[1.0], [np.nan]]))
