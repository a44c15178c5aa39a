"""All-pairs CKA of 6 models x 12 layers: n = 1,024 images, 64 to 16,384 features a layer, all 72 x 72 pairs of layers.

Other packages compare two models at a time; the slow ones are run on some of the 21 model pairs and the time is scaled
to all. Error: the largest absolute one against the float64 value of the same full-batch estimator, so that a minibatch
estimator's sampling error shows as well. The floor is the arithmetic that all pairs need (each Gram matrix and each
pair once, symmetry used) at the rate of a large float32 product on this machine; the share is that of the whole.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache, partial
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np
import torch
from kindred.similarity.cka import cka, jackknife
from kindred.similarity.gram import pack
from kindred.similarity.gram_bands import cka_in_bands
from kindred.similarity.minibatches import minibatch_cka
from race import Contender, Goals, Kernel
from torch import Tensor, nn

N = 1024
MODELS = 6
WIDTHS = (16384, 16384, 8192, 8192, 4096, 4096, 2048, 2048, 1024, 512, 256, 64)
LAYERS = len(WIDTHS)
BATCH = 128
MODEL_PAIRS = list(combinations_with_replacement(range(MODELS), 2))
OTHERS = [pair for pair in MODEL_PAIRS if pair[0] != pair[1]]
SCRATCH = Path(os.environ.get("KINDRED_BENCH_SCRATCH", tempfile.gettempdir()))
# Bytes of packed Gram matrices at a time: in all less than half of what a pair of models takes elsewhere.
MEMORY = 60e6
DEVICE = torch.device(os.environ.get("KINDRED_BENCH_DEVICE", "cpu"))


def make_features() -> list[Tensor]:
    """Rectified mixtures of 40 directions shared by all layers and of noise, so that CKA is neither 0 nor 1."""
    generator = torch.Generator().manual_seed(0)
    latent = torch.randn(N, 40, generator=generator) * torch.logspace(0, -1, 40)
    features = []
    for index in range(MODELS * LAYERS):
        p = WIDTHS[index % LAYERS]
        x = latent @ torch.randn(40, p, generator=generator)
        features.append(x.add_(torch.randn(N, p, generator=generator), alpha=0.5 + index % 5).relu_())
    return features


@cache
def features() -> list[Tensor]:
    """The features, made once and mapped by all processes, so that they are in memory once.

    A process of its own makes them: memory that was used and let go before would hide what is measured.
    """
    path = SCRATCH / "features.npy"
    if not path.exists():
        here = os.pathsep.join(sys.path)
        subprocess.run([sys.executable, __file__], check=True, env=os.environ | {"PYTHONPATH": here})
    flat = torch.from_numpy(np.load(path, mmap_mode="c"))
    flat.sum()  # every page is mapped before anything is measured
    sizes = [N * WIDTHS[index % LAYERS] for index in range(MODELS * LAYERS)]
    return [part.view(N, -1).to(DEVICE) for part in flat.split(sizes)]


def models() -> list[list[Tensor]]:
    return [features()[LAYERS * index : LAYERS * (index + 1)] for index in range(MODELS)]


@cache
def truth() -> dict[str, np.ndarray]:
    """The reference, computed once, by the process that makes the features."""
    return dict(np.load(SCRATCH / "truth.npz"))


def reference(features: list[Tensor]) -> dict[str, np.ndarray]:
    """CKA in float64 from dense matrices, by the textbook formulas."""
    grams = np.empty((len(features), N * N))
    biased = np.empty((len(features), len(features)))
    for index, x in enumerate(features):
        x64 = x.cpu().double()
        x64 -= x64.mean(0)
        k = x64 @ x64.T
        grams[index] = (k / k.trace()).numpy().ravel()
    biased = grams @ grams.T
    squares = grams.reshape(-1, N, N)
    squares[:, range(N), range(N)] = 0
    rows = squares.sum(2)
    sums = np.outer(rows.sum(1), rows.sum(1))
    debiased = grams @ grams.T + sums / ((N - 1) * (N - 2)) - 2 / (N - 2) * rows @ rows.T
    return {
        name: values / np.sqrt(np.outer(values.diagonal(), values.diagonal()))
        for name, values in (("biased", biased), ("debiased", debiased))
    }


@cache
def gemm_rate() -> float:
    """Operations a second of a 2,048^3 float32 product, best of six."""
    a, out = (torch.randn(2048, 2048, device=DEVICE) for _ in range(2))
    cuda = DEVICE.type == "cuda"
    clock = time.perf_counter if cuda else time.process_time
    best = float("inf")
    for _ in range(6):
        start = clock()
        torch.mm(a, a.T, out=out)
        if cuda:
            torch.cuda.synchronize()
        best = min(best, clock() - start)
    return 2 * 2048**3 / best


def useful_operations() -> float:
    """Multiplications and additions that all pairs need: half of each Gram matrix, half of all pairs."""
    layers = MODELS * LAYERS
    return MODELS * sum(WIDTHS) * N * (N + 1) + layers * (layers + 1) / 2 * N * (N - 1)


def floor(batch: int = N) -> float:
    """Seconds of the arithmetic at the machine's rate; a minibatch needs its share of each Gram matrix."""
    return useful_operations() * batch / N / gemm_rate()


def own(precision: str = "float32", kernel: str = "linear") -> Callable[[], Any]:
    given = features()
    return lambda: cka(pack(given, kernel=kernel, precision=precision))  # type: ignore[arg-type]


def own_both(precision: str, memory: float = MEMORY) -> Callable[[], Any]:
    """Both estimators of all pairs, within so many bytes of Gram matrices."""
    given = features()
    counted = {"layers": len(given), "images": N, "memory": memory, "precision": precision}
    return lambda: tuple(cka_in_bands(lambda: iter(given), ["debiased", "biased"], **counted))  # type: ignore[arg-type]


def own_minibatch(batch: int) -> Callable[[], Any]:
    given = features()
    return lambda: minibatch_cka(given, batch, 1)


def own_jackknife() -> Callable[[], Any]:
    grams = pack(features())
    pairs = [(index, MODELS * LAYERS - 1 - index) for index in range(MODELS * LAYERS // 2)]
    return lambda: jackknife(grams, pairs)


class Emitter(nn.Module):
    """A model whose layers are given features: what a package that wants models is fed."""

    def __init__(self, features: list[Tensor]) -> None:
        super().__init__()
        self.features = features
        self.names = [f"layer{index}" for index in range(len(features))]
        for name in self.names:
            self.add_module(name, nn.Identity())

    def forward(self, images: Tensor) -> None:
        if images.dim() > 1:
            images = images[:, 0]
        for name, x in zip(self.names, self.features, strict=True):
            getattr(self, name)(x[images])


def of_pairs(compare: Callable[[int, int], np.ndarray], pairs: list[tuple[int, int]]) -> Callable[[], Any]:
    return lambda: [compare(i, j) for i, j in pairs]


def pytorch_cka(pairs: list[tuple[int, int]]) -> Callable[[], Any]:
    import cka as package

    given = models()
    return of_pairs(lambda i, j: package.cka_from_features(given[i], given[j]).cpu().numpy(), pairs)


def images(batch: int) -> torch.utils.data.DataLoader:
    numbers = torch.arange(N)
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(numbers, numbers), batch_size=batch)


def pytorch_cka_loader(pairs: list[tuple[int, int]], batch: int) -> Callable[[], Any]:
    import cka as package

    given = [Emitter(some) for some in models()]
    names = given[0].names

    def compare(i: int, j: int) -> np.ndarray:
        second = given[j] if i != j else Emitter(given[i].features)
        chosen = {"layers": names, "model2_layers": names, "device": DEVICE, "progress": False}
        return package.compute_cka(given[i], second, images(batch), **chosen)[0].cpu().numpy()

    return of_pairs(compare, pairs)


def torch_cka(pairs: list[tuple[int, int]], batch: int) -> Callable[[], Any]:
    from torch_cka import CKA

    given = models()

    def compare(i: int, j: int) -> np.ndarray:
        one, two = Emitter(given[i]), Emitter(given[j])
        chosen = {"model1_layers": one.names, "model2_layers": two.names, "device": str(DEVICE)}
        comparison = CKA(one, two, "one", "two", **chosen)
        with torch.no_grad():
            comparison.compare(images(batch), images(batch))
        return np.asarray(comparison.export()["CKA"].cpu())

    return of_pairs(compare, pairs)


def cka_pytorch(pairs: list[tuple[int, int]], batch: int) -> Callable[[], Any]:
    import kindred.models.architectures  # noqa: F401  makes torchvision importable, which this package asks for
    from cka_pytorch import CKACalculator

    given = models()

    def compare(i: int, j: int) -> np.ndarray:
        one, two = Emitter(given[i]), Emitter(given[j])
        one.register_parameter("where", nn.Parameter(torch.zeros(1, device=DEVICE)))
        calculator = CKACalculator(one, two, one.names, two.names, verbose=False)
        return np.asarray(calculator.calculate_cka_matrix(images(batch), num_epochs=1).cpu())

    return of_pairs(compare, pairs)


def ckatorch(pairs: list[tuple[int, int]]) -> Callable[[], Any]:
    from ckatorch import cka_base

    given = models()

    def compare(i: int, j: int) -> np.ndarray:
        options = {"kernel": "linear", "unbiased": False, "method": "fro_norm"}
        return np.array([[float(cka_base(a, b, **options)) for b in given[j]] for a in given[i]])

    return of_pairs(compare, pairs)


def rsatoolbox(pairs: list[tuple[int, int]]) -> Callable[[], Any]:
    from rsatoolbox.data import Dataset
    from rsatoolbox.rdm import calc_rdm, compare

    given = [[x.cpu().numpy() for x in layers] for layers in models()]

    def both(i: int, j: int) -> np.ndarray:
        rows, columns = (calc_rdm([Dataset(x) for x in given[side]], method="euclidean") for side in (i, j))
        return np.asarray(compare(rows, columns, method="cosine_cov"))

    return of_pairs(both, pairs)


def off_all(estimator: str = "debiased") -> Callable[[Any], dict[str, float]]:
    return lambda found: {"max error": np.abs(found - truth()[estimator]).max()}


def off_both(found: tuple[np.ndarray, np.ndarray]) -> dict[str, float]:
    errors = [np.abs(values - truth()[name]).max() for values, name in zip(found, ("debiased", "biased"), strict=True)]
    return {"max error": errors[0], "max error of biased": errors[1]}


def off_pairs(
    pairs: list[tuple[int, int]], estimator: str = "debiased"
) -> Callable[[list[np.ndarray]], dict[str, float]]:
    def worst(found: list[np.ndarray]) -> dict[str, float]:
        blocks = [(slice(LAYERS * i, LAYERS * (i + 1)), slice(LAYERS * j, LAYERS * (j + 1))) for i, j in pairs]
        errors = [np.abs(values - truth()[estimator][at]).max() for values, at in zip(found, blocks, strict=True)]
        return {"max error": max(errors)}

    return worst


def peer(
    name: str,
    needs: tuple[str, str],
    prepare: Callable[..., Callable[[], Any]],
    pairs: int,
    *rest: int,
    estimator: str = "debiased",
    once: bool = False,
) -> Contender:
    chosen = OTHERS[:pairs] if pairs <= len(OTHERS) else MODEL_PAIRS
    part = len(chosen) / len(MODEL_PAIRS)
    return Contender(
        name,
        partial(prepare, chosen, *rest),
        needs=needs,
        part=part,
        once=once,
        judge=off_pairs(chosen, estimator),
        note=f"{estimator}; {len(chosen)} of {len(MODEL_PAIRS)} model pairs" + (", scaled" if part < 1 else ""),
    )


def kernels() -> list[Kernel]:
    few = int(os.environ.get("KINDRED_BENCH_PAIRS", "3"))
    one = few if few > len(OTHERS) else 1
    return [
        Kernel(
            "cka",
            "kindred float32",
            [
                Contender(
                    "kindred float32",
                    partial(own_both, "float32"),
                    judge=off_both,
                    note="both estimators, in bands of 60 MB",
                ),
                Contender(
                    "kindred bfloat16",
                    partial(own_both, "bfloat16"),
                    judge=off_both,
                    note="both estimators, in bands of 60 MB",
                ),
                Contender(
                    "kindred bfloat16, all at once",
                    partial(own_both, "bfloat16", float("inf")),
                    judge=off_both,
                    note="in one band",
                ),
                Contender(
                    "kindred float32, all at once",
                    partial(own_both, "float32", float("inf")),
                    judge=off_both,
                    note="in one band",
                ),
                peer("pytorch-cka", ("cka", "pytorch-cka"), pytorch_cka, few),
                peer("pytorch-cka loader", ("cka", "pytorch-cka"), pytorch_cka_loader, few, N),
                peer("rsatoolbox", ("rsatoolbox", "rsatoolbox"), rsatoolbox, one, estimator="biased", once=True),
                peer("cka-pytorch", ("cka_pytorch", "cka-pytorch"), cka_pytorch, one, N, once=True),
                peer("torch-cka", ("torch_cka", "torch-cka"), torch_cka, one, N, once=True),
                peer("ckatorch", ("ckatorch", "ckatorch"), ckatorch, one, estimator="biased", once=True),
                Contender("kindred RBF", partial(own, kernel="rbf"), other=True, note="debiased; another kernel"),
                Contender(
                    "kindred jackknife",
                    own_jackknife,
                    other=True,
                    note="errors of 36 pairs and 72 self terms, from Grams",
                ),
            ],
            floor=floor,
        ),
        Kernel(
            "cka minibatch 128",
            "kindred",
            [
                Contender("kindred", partial(own_minibatch, BATCH), judge=off_all(), note="one pass"),
                peer("pytorch-cka", ("cka", "pytorch-cka"), pytorch_cka_loader, few, BATCH),
                peer("cka-pytorch", ("cka_pytorch", "cka-pytorch"), cka_pytorch, one, BATCH),
                peer("torch-cka", ("torch_cka", "torch-cka"), torch_cka, one, BATCH),
            ],
            floor=partial(floor, BATCH),
        ),
    ]


def targets(goals: Goals) -> None:
    full = goals.of("cka")
    full.time("CKA, pytorch-cka / float32", "pytorch-cka", "kindred float32", least=8)
    full.time("CKA, torch-cka / float32", "torch-cka", "kindred float32", least=60)
    full.time("CKA, pytorch-cka / mixed precision", "pytorch-cka", "kindred bfloat16", least=16)
    full.quality("CKA float32, largest error", "kindred float32", "max error", most=1e-6)
    full.quality("CKA mixed precision, largest error", "kindred bfloat16", "max error", most=2e-4)
    full.share("CKA float32, share of the machine's float32 GEMM rate", "kindred float32", least=0.6)
    full.peak("CKA float32, peak memory / pytorch-cka's", "kindred float32", "pytorch-cka", most=0.5)
    full.peak("CKA mixed precision, peak memory / pytorch-cka's", "kindred bfloat16", "pytorch-cka", most=0.5)
    full.peak("CKA float32, peak memory / its loader's", "kindred float32", "pytorch-cka loader", most=0.5)
    small = goals.of("cka minibatch 128")
    for name in ("pytorch-cka", "cka-pytorch", "torch-cka"):
        small.time(f"CKA minibatch 128, {name} / float32", name, "kindred", least=1)


if __name__ == "__main__":
    layers = make_features()
    np.savez(SCRATCH / "truth.npz", **reference(layers))  # type: ignore[arg-type]
    np.save(SCRATCH / "features.npy", np.concatenate([x.numpy().ravel() for x in layers]))
