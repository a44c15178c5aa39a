"""Packed Gram matrices against dense float64 kernels."""

import weakref

import pytest
import torch
from kindred.similarity.gram import Grams, pack, packed_bytes
from kindred.workflow.errors import BadInput

torch.set_num_threads(1)


def layers(n: int, widths: tuple[int, ...], seed: int = 0) -> list[torch.Tensor]:
    """Layers that share part of their structure, float32."""
    generator = torch.Generator().manual_seed(seed)
    latent = torch.randn(n, 6, generator=generator, dtype=torch.float64)
    return [
        (
            latent @ torch.randn(6, p, generator=generator, dtype=torch.float64)
            + torch.randn(n, p, generator=generator, dtype=torch.float64)
        ).float()
        for p in widths
    ]


def dense(grams: Grams, layer: int) -> torch.Tensor:
    """The whole matrix of one packed row, off the diagonal."""
    matrix = torch.zeros(grams.n, grams.n, dtype=torch.float64)
    for lo, hi, piece in grams.blocks(grams.packed[layer]):
        size = hi - lo
        matrix[lo:hi, lo:hi] = piece[:, :size]
        matrix[lo:hi, hi:] = piece[:, size:] / 2**0.5
        matrix[hi:, lo:hi] = piece[:, size:].T / 2**0.5
    return matrix


def rbf_kernel(x: torch.Tensor, sigma: float) -> torch.Tensor:
    """RBF kernel in float64 from differences, not from inner products."""
    x = x.double()
    squares = (x[:, None] - x[None]).square().sum(dim=2)
    upper = squares[torch.triu(torch.ones(len(x), len(x)), 1).bool()]
    return torch.exp(-squares / (2 * sigma**2 * upper.median()))


def centred(kernel: torch.Tensor) -> torch.Tensor:
    n = len(kernel)
    h = torch.eye(n, dtype=torch.float64) - 1 / n
    return h @ kernel @ h


def u_centred(kernel: torch.Tensor) -> torch.Tensor:
    """Székely and Rizzo 2014, eq. 2.3, written out."""
    n = len(kernel)
    k = kernel - torch.diag(kernel.diagonal())
    rows = k.sum(1)
    k = k - rows[:, None] / (n - 2) - rows[None] / (n - 2) + rows.sum() / ((n - 1) * (n - 2))
    return k - torch.diag(k.diagonal())


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("block", [1, 7, 16, 64])
def test_rows_diagonals_and_traces_agree_with_dense_kernels(kernel, block):
    features = layers(50, (3, 20, 200))
    grams = pack(features, kernel=kernel, sigma=0.7, block=block)
    for index, x in enumerate(features):
        k = x.double() @ x.double().T if kernel == "linear" else rbf_kernel(x, 0.7)
        trace = centred(k).trace()
        assert grams.trace[index] == pytest.approx(float(trace), rel=1e-6)
        torch.testing.assert_close(grams.diagonal[index], centred(k).diagonal() * 50 / trace, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(dense(grams, index), u_centred(k) * 50 / trace, rtol=1e-5, atol=3e-6)


def test_features_wider_than_the_buffer_are_summed_in_parts(monkeypatch):
    features = layers(40, (3000, 513))
    whole = pack(features)
    monkeypatch.setattr("kindred.similarity.gram.BUFFER", 1)  # 512 columns at a time
    parts = pack(features)
    torch.testing.assert_close(parts.packed, whole.packed, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_any_float_type_counts_by_its_values(dtype, kernel):
    x = [layer.to(dtype) for layer in layers(30, (10, 600))]
    same = pack([layer.float() for layer in x], kernel=kernel)
    torch.testing.assert_close(pack(x, kernel=kernel).packed, same.packed, rtol=1e-5, atol=2e-6)


def test_feature_maps_are_flattened():
    (x,) = layers(12, (60,))
    assert torch.equal(pack([x.view(12, 3, 4, 5)]).packed, pack([x]).packed)


def test_iterators_release_each_layer_before_the_next():
    features = layers(20, (5, 30, 8, 9))
    alive: list[weakref.ref] = []

    def stream():
        for x in features:
            assert not [reference for reference in alive if reference() is not None]
            copy = x.clone()
            alive.append(weakref.ref(copy))
            yield copy
            del copy

    grams = pack(stream(), count=4)
    assert len(alive) == 4
    assert torch.equal(grams.packed, pack(features).packed)


def test_packed_bytes_agree_with_the_pack():
    grams = pack(layers(300, (4, 5)))
    assert packed_bytes(2, 300) == 4 * grams.packed.numel() + 8 * grams.diagonal.numel()


def test_bfloat16_rounds_and_restores_the_global_setting():
    features = layers(64, (100, 700))
    torch.set_float32_matmul_precision("highest")
    fine, coarse = pack(features), pack(features, precision="bfloat16")
    assert torch.get_float32_matmul_precision() == "highest"
    error = (fine.packed - coarse.packed).abs().max() / fine.packed.abs().max()
    assert 1e-6 < error < 1e-2


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("value", [0.0, 0.1, -7.3, 3000.3])
def test_constant_layers_are_marked_and_zero(kernel, value):
    x = layers(70, (40, 9))
    flat = torch.full((70, 1500), value)
    flat[:, 3] = value / 3
    grams = pack([x[0], flat, x[1]], kernel=kernel)
    assert grams.constant.tolist() == [False, True, False]
    assert not grams.packed[1].any()
    assert not grams.diagonal[1].any()
    assert torch.equal(grams.packed[[0, 2]], pack(x, kernel=kernel).packed)


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("n", [70, 1003])
def test_constant_layers_with_a_rounded_mean(kernel, n):
    generator = torch.Generator().manual_seed(0)
    flat = [(torch.randn(1, 700, generator=generator) * scale).expand(n, -1) for scale in (1e-5, 1, 1e5)]
    assert pack(flat, kernel=kernel).constant.all()


def test_distances_of_close_images_are_not_negative():
    """Rounding makes some squared distances negative, which a narrow kernel would amplify."""
    (x,) = layers(60, (500,))
    grams = pack([torch.cat([x, x + 1e-5 * x.flip(0)])], kernel="rbf", sigma=1e-6)
    assert 0 < grams.trace[0] < 120


def test_a_layer_with_little_variance_is_not_constant():
    x = torch.full((70, 200), 3000.0)
    x[:, 5] = layers(70, (1,))[0][:, 0] * 1e-4
    assert pack([x]).constant.tolist() == [False]


def test_rbf_is_undefined_where_the_median_distance_is_zero():
    x = torch.zeros(20, 6)
    x[3] = 1
    assert pack([x], kernel="rbf").constant.tolist() == [True]
    assert pack([x]).constant.tolist() == [False]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e30])
@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_non_finite_features_name_the_layer(value, kernel):
    x = layers(20, (5, 600, 8))
    x[1][7, 555] = value
    with pytest.raises(BadInput, match="layer 1 "):
        pack(x, kernel=kernel)


@pytest.mark.parametrize(
    ("features", "words"),
    [
        ([torch.randn(3, 5)], "4 images"),
        ([torch.randn(8, 0)], r"shape \(8, 0\)"),
        ([torch.ones(8, 2, dtype=torch.int64)], "int64"),
        ([torch.randn(8, 2), torch.randn(9, 2)], r"shape \(9, 2\); .* \(8 images"),
    ],
)
def test_invalid_shapes_and_types_are_an_error(features, words):
    with pytest.raises(BadInput, match=words):
        pack(features)


@pytest.mark.parametrize("count", [1, 3])
def test_another_number_of_layers_than_announced_is_an_error(count):
    with pytest.raises(BadInput, match=f"count is {count}"):
        pack(iter(layers(8, (2, 3))), count=count)
