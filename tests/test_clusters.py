"""Clusters of models: planted clusters are found, k-means agrees with scikit-learn, maps keep distances."""

import numpy as np
import pytest
from kindred.analyses import clusters, scores
from kindred.workflow.errors import BadInput
from reference import reference
from scipy import stats
from scipy.spatial.distance import pdist, squareform
from scipy.stats import spearmanr
from sklearn.cluster import KMeans, SpectralClustering
from sklearn.metrics import adjusted_rand_score

PLANTED = np.repeat([0, 1, 2], [7, 5, 4])


def planted(noise: float = 0.15, seed: int = 0) -> np.ndarray:
    """SAT of 16 models in three clusters: high inside, low between."""
    draws = np.random.default_rng(seed).normal(0, noise, (16, 16))
    sat = np.where(PLANTED[:, None] == PLANTED[None, :], 3.4, 2.3) + (draws + draws.T) / 2
    np.fill_diagonal(sat, 4.55)
    return sat


def groups_of(
    sat: np.ndarray, kind: str, count: int, seeds: int = 5, starts: int = 20, diagonal: str = "zero"
) -> np.ndarray:
    _, vectors = clusters.spectrum(clusters.affinity(sat, kind, diagonal))
    return clusters.spectral(vectors, count, seeds, starts)


@pytest.mark.parametrize("kind", clusters.AFFINITIES)
def test_planted_clusters_are_found_with_any_seed(kind: str) -> None:
    runs = groups_of(planted(), kind, 3)
    over = clusters.stability(runs)
    assert over.value == 1 and (over.low, over.high) == pytest.approx((1, 1))
    assert all(adjusted_rand_score(run, PLANTED) == 1.0 for run in runs)
    np.testing.assert_array_equal(clusters.typical(runs), PLANTED + 1)


def test_clusters_do_not_depend_on_the_order_of_models() -> None:
    order = np.random.default_rng(1).permutation(16)
    found = clusters.typical(groups_of(planted()[np.ix_(order, order)], "exp_sat", 3))
    assert adjusted_rand_score(found, PLANTED[order]) == 1.0


def test_largest_gap_and_stability_of_planted_clusters_and_noise() -> None:
    values, _ = clusters.spectrum(clusters.affinity(planted(), "exp_sat"))
    assert values[0] == pytest.approx(0, abs=1e-12)
    assert (np.diff(values) > -1e-12).all()
    assert clusters.largest_gap(values, 10) == 3
    noise = np.random.default_rng(2).normal(2.5, 0.05, (30, 30))
    runs = groups_of((noise + noise.T) / 2, "sat", 6, starts=1)
    over = clusters.stability(runs)
    alike = np.array([[adjusted_rand_score(a, b) for a in runs] for b in runs])
    n = len(runs)
    assert over.value == pytest.approx(alike[np.triu_indices(n, 1)].mean()) and over.value < 0.6
    without = [np.delete(np.delete(alike, run, 0), run, 1)[np.triu_indices(n - 1, 1)].mean() for run in range(n)]
    half = stats.t.ppf(0.975, n - 1) * np.sqrt((n - 1) * np.var(without))
    assert (over.low, over.high) == pytest.approx((over.value - half, over.value + half))


def test_clusters_agree_with_scikit_learn() -> None:
    sat = planted(noise=0.35, seed=3)
    weights = clusters.affinity(sat, "exp_sat")
    theirs = SpectralClustering(3, affinity="precomputed", n_init=50, random_state=0).fit_predict(weights)
    assert adjusted_rand_score(clusters.typical(groups_of(sat, "exp_sat", 3)), theirs) > 0.8


def test_kmeans_agrees_with_scikit_learn() -> None:
    points = np.random.default_rng(4).normal(size=(40, 5))

    def spread(labels: np.ndarray) -> float:
        return sum(((points[labels == g] - points[labels == g].mean(0)) ** 2).sum() for g in set(labels))

    theirs = KMeans(6, n_init=50, random_state=0).fit(points).inertia_
    ours = [spread(labels) for labels in clusters.kmeans(points, 6, seeds=3, starts=200)]
    assert max(ours) <= theirs * 1.02
    assert min(ours) >= theirs * 0.98
    # More seeds do not change the results of the first ones.
    np.testing.assert_array_equal(clusters.kmeans(points, 6, 2, 9), clusters.kmeans(points, 6, 4, 9)[:2])


def test_kmeans_of_equal_points() -> None:
    assert clusters.kmeans(np.ones((5, 2)), 3, 2, 4).shape == (2, 5)


def test_affinity_of_undefined_and_negative_pairs() -> None:
    sat = np.array([[4.6, np.nan], [np.nan, -4.6]])
    np.testing.assert_array_equal(clusters.affinity(sat, "sat", "kept"), [[4.6, 0], [0, 0]])
    np.testing.assert_allclose(np.diag(clusters.affinity(sat, "exp_sat", "kept")), np.exp([4.6, -4.6]))


def test_a_model_has_no_affinity_to_itself() -> None:
    """As in the paper, against scikit-learn's eigenvectors of the same matrix; the diagonal does change them."""
    sat = planted(noise=0.6, seed=7)
    weights = clusters.affinity(sat, "exp_sat")
    assert (np.diag(weights) == 0).all() and (weights + np.diag(np.exp(np.diag(sat))) == np.exp(sat)).all()
    naive = np.zeros((16, 16))
    for i in range(16):
        for j in range(16):
            if i != j:
                others = [sum(np.exp(sat[a, b]) for b in range(16) if b != a) for a in (i, j)]
                naive[i, j] = np.exp(sat[i, j]) / np.sqrt(others[0] * others[1])
    values, _ = clusters.spectrum(weights)
    np.testing.assert_allclose(values, np.sort(1 - np.linalg.eigvalsh(naive)), atol=1e-12)
    kept, _ = clusters.spectrum(clusters.affinity(sat, "exp_sat", "kept"))
    assert abs(kept - values).max() > 0.05
    with pytest.raises(BadInput, match="no affinity to any model"):
        clusters.spectrum(clusters.affinity(np.diag([4.6, 4.6]) - 1e-9, "sat"))


@pytest.mark.parametrize("count", [1, 16])
def test_impossible_numbers_of_clusters_are_an_error(count: int) -> None:
    with pytest.raises(BadInput, match=f"number of clusters is {count}; for 16 models it must be from 2 to 15"):
        groups_of(planted(), "sat", count)


def test_hierarchical_clusters_are_numbered_by_size() -> None:
    np.testing.assert_array_equal(clusters.hierarchical(planted(), 3), PLANTED + 1)
    np.testing.assert_array_equal(clusters.numbered([5, 9, 9, 2, 2, 7]), [3, 1, 1, 2, 2, 4])


def test_classical_scaling_recovers_points_of_a_plane() -> None:
    points = np.random.default_rng(5).uniform(0, 1, (9, 2))
    apart = squareform(pdist(points))
    found = clusters.mds(clusters.TOP - apart)
    np.testing.assert_allclose(squareform(pdist(found)), apart, atol=1e-9)
    # Without a fixed sign the map could be mirrored on another machine.
    assert (found[np.abs(found).argmax(0), [0, 1]] > 0).all()


def test_tsne_separates_clusters_and_is_deterministic() -> None:
    sat = planted()
    points = clusters.tsne(sat, 15, 0)
    np.testing.assert_array_equal(points, clusters.tsne(sat, 15, 0))
    apart = squareform(pdist(points))
    same = PLANTED[:, None] == PLANTED[None, :]
    assert apart[same].mean() < 0.6 * apart[~same].mean()
    assert spearmanr(apart[np.triu_indices(16, 1)], -sat[np.triu_indices(16, 1)]).statistic > 0.5


@pytest.mark.data
def test_clusters_of_the_released_matrix() -> None:
    """Values from the matrix that Hwang et al. (2024) released."""
    found = scores.read(reference("hwang2024_sat_matrix.csv"))
    first, second = found.pairs()
    values = found.sat[first, second]
    assert len(found.models) == 69
    assert values.mean() == pytest.approx(2.665, abs=5e-4)
    assert values.std() == pytest.approx(0.328, abs=5e-4)
    for index, value, pair in (
        (values.argmin(), 1.828, {"wide_resnet50_2", "vit_base_patch32_224"}),
        (values.argmax(), 4.141, {"swin_s3_tiny_224", "swin_tiny_patch4_window7_224"}),
    ):
        assert values[index] == pytest.approx(value, abs=5e-4)
        assert {found.models[first[index]], found.models[second[index]]} == pair
    assert 0.85 < clusters.stability(groups_of(found.sat, "exp_sat", 10, seeds=20, starts=100)).value < 0.93
    assert clusters.stability(groups_of(found.sat, "exp_sat", 10, 20, 100, "kept")).value > 0.95
    assert clusters.stability(groups_of(found.sat, "sat", 10, seeds=20, starts=100)).value < 0.9
    values, _ = clusters.spectrum(clusters.affinity(found.sat, "exp_sat"))
    assert clusters.largest_gap(values, 10) == 2
