"""Layer comparison: all layers of several observations compared with each other within a memory limit.

The Gram matrices of all layers are packed and compared in one product per measure. From the same matrices
comes the share of variance along each layer's first principal component, which explains blocks of similar
layers (Nguyen et al. 2021).
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor

from kindred.similarity import cka_measures, minibatches
from kindred.similarity.biased_errors import spread_under
from kindred.similarity.gram import Grams, pack, packed_bytes
from kindred.similarity.strata import Strata
from kindred.workflow.errors import BadInput

Features = Callable[[Tensor | None], Iterable[Iterable[Tensor]]]
Settings = Mapping[str, Any]
Matrix = NDArray[np.float64]
LINEAR = ("cka_debiased", "cka_biased")
MEASURES = (*LINEAR, "cka_rbf", "cka_minibatch")


def compare(
    features: Features, layers: int, images: int, measures: Sequence[str], settings: Settings, memory: int
) -> tuple[dict[str, dict[str, Matrix]], dict[str, Matrix]]:
    """Compare all pairs of T layers on n images: ({measure: {value, error, null}}, each (T, T), share).

    features: yields the features of each layer in turn, as `gram.pack` takes them, on the images at the given
    indices (None: all); called once for each kernel, and for `cka_minibatch` once for each minibatch. share:
    {value, error}, each (T,), of the share of variance along the first principal component, on all images, or where
    `cka_minibatch` is the only measure, of the mean over its first pass. error and null as for `cka_measures.layers`.
    settings: `minibatch` (size, passes, seed), `bandwidth`, and `strata` as in `cka_measures`.

    Raises BadInput for a measure not in MEASURES, and if the Gram matrices take more than `memory` bytes.
    """
    if unknown := [name for name in measures if name not in MEASURES]:
        raise BadInput(f"layers cannot be compared by '{unknown[0]}'; it must be one of {', '.join(MEASURES)}.")
    found: dict[str, dict[str, Matrix]] = {}
    strata = cka_measures.strata_left_out(settings)
    share: dict[str, Matrix] = {}
    linear = [name for name in measures if name in LINEAR]
    if linear:
        _demand_room(layers, images, memory)
        grams = pack(features(None), count=layers)
        share = principal_share(grams, strata)
        found |= cka_measures.of_grams(grams, linear, settings)
        del grams
    if "cka_rbf" in measures:
        _demand_room(layers, images, memory)
        grams = pack(features(None), count=layers, kernel="rbf", sigma=settings["bandwidth"])
        found |= cka_measures.of_grams(grams, ["cka_rbf"], settings)
        del grams
    if "cka_minibatch" in measures:
        size, passes, seed = (settings["minibatch"][key] for key in ("size", "passes", "seed"))
        _demand_room(layers, min(size, images), memory)
        shares: list[dict[str, Matrix]] = []
        first = 0 if linear else math.ceil(images / size)  # minibatches of the first pass

        def batches() -> Iterator[minibatches.Batch]:
            for chosen in minibatches.minibatches(images, size, passes, seed):
                grams = pack(features(chosen), count=layers)
                if len(shares) < first:
                    shares.append(principal_share(grams, None if strata is None else strata.of(chosen)))
                yield chosen, grams

        fit = minibatches.room_for_errors(layers, images) <= memory
        value, error = minibatches.estimate(batches(), images, errors=fit, strata=strata)
        found["cka_minibatch"] = {**cka_measures.without_error("cka_minibatch", value), "error": error}
        if shares:  # of different images, whose errors are independent
            share = {"value": np.mean([one["value"] for one in shares], axis=0)}
            share["error"] = np.sqrt(np.sum([one["error"] ** 2 for one in shares], axis=0)) / len(shares)
    if not share:
        share = {column: np.full(layers, np.nan) for column in ("value", "error")}
    return {name: found[name] for name in measures}, share


def _demand_room(layers: int, images: int, memory: int) -> None:
    needed = packed_bytes(layers, images)
    if needed > memory:
        raise BadInput(
            f"the Gram matrices of {layers} layers on {images:,} images take {needed / 2**30:.2f} GiB, but `memory` is "
            f"{memory / 2**30:g} GiB; raise it, compare fewer images or a smaller fraction of the layers, or choose "
            "cka_minibatch."
        )


@torch.no_grad()
def principal_share(grams: Grams, strata: Strata | None = None) -> dict[str, Matrix]:
    """{value, error}, (T,) each: share of each layer's variance along its first principal component.

    NaN for a constant layer. The largest eigenvalue of the doubly centred kernel, by Lanczos, over its trace. The
    kernel follows from the packed U-centred one A, whose rows sum to zero, and the diagonal d: it is A + H diag(c) H
    with H the centring matrix and c = (d - sum(c) / n^2) n / (n - 2), sum(c) = n sum(d) / (n - 1).

    error: of a jackknife over images, within classes under strata, for the mean of this share at n images. Without
    image i the scatter of features loses a z_i z_i^T, a = n / (n-1), with z_i its centred features. So the trace loses
    a d_i, and the largest eigenvalue l, to first order, a l v_i^2 with v the unit eigenvector of the kernel.
    """
    n = grams.n
    share, error = (np.full(len(grams), np.nan) for _ in range(2))
    start = np.random.default_rng(0).standard_normal(n)
    for index, constant in enumerate(grams.constant.tolist()):
        if constant:
            continue
        kernel = _unpacked(grams, index)
        diagonal = grams.diagonal[index]
        sums = diagonal.sum() * n / (n - 1)
        middle = ((diagonal - sums / n**2) * n / (n - 2)).cpu().numpy()

        def times(
            vector: NDArray[np.float64], kernel: Tensor = kernel, middle: NDArray[np.float64] = middle
        ) -> NDArray[np.float64]:
            vector = vector.ravel()
            inner = middle * (vector - vector.mean())
            outer = kernel @ torch.from_numpy(vector).to(kernel)
            return outer.double().cpu().numpy() + inner - inner.mean()

        operator = LinearOperator((n, n), matvec=times, dtype=np.float64)
        (largest,), vectors = eigsh(operator, k=1, which="LA", v0=start, tol=1e-6)
        share[index] = largest / float(diagonal.sum())
        a, own = n / (n - 1), torch.from_numpy(vectors[:, 0] ** 2).to(diagonal)
        error[index] = spread_under(strata, largest * (1 - a * own) / (diagonal.sum() - a * diagonal))
    return {"value": share, "error": error}


def _unpacked(grams: Grams, index: int) -> Tensor:
    """The U-centred kernel (n, n) of one layer, float32."""
    whole = torch.zeros(grams.n, grams.n, device=grams.packed.device)
    for lo, hi, piece in grams.blocks(grams.packed[index]):
        whole[lo:hi, lo:hi] = piece[:, : hi - lo]
        rest = piece[:, hi - lo :] / 2**0.5
        whole[lo:hi, hi:] = rest
        whole[hi:, lo:hi] = rest.T
    return whole
