"""All-pairs CKA of 6 models x 12 layers: time, memory and error, beside other packages on the same features.

    python tests/benchmarks/compare_cka.py [--csv FILE] [--threads N] [--pairs N]

n = 1,024 images, 64 to 16,384 features a layer, all 72 x 72 pairs of layers. Other packages are run where they can be
imported (`pip install --no-deps pytorch-cka torch-cka`); as they compare two models at a time they are run on some of
the 21 model pairs and the time is scaled to all.

Columns: CPU seconds of all pairs; peak memory beyond the features in MB (Linux); largest absolute error against the
float64 value of the same estimator; useful arithmetic (each Gram matrix and each pair once, symmetry used) per CPU
second as a share of the rate of a large float32 product on this machine.
"""

from __future__ import annotations

import argparse
import csv
import gc
import importlib
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from kindred.cka import cka, jackknife, minibatch_cka
from kindred.gram import pack

N = 1024
MODELS = 6
WIDTHS = (16384, 16384, 8192, 8192, 4096, 4096, 2048, 2048, 1024, 512, 256, 64)
LAYERS = len(WIDTHS)
MODEL_PAIRS = list(combinations_with_replacement(range(MODELS), 2))


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


def reference(features: list[Tensor]) -> dict[str, np.ndarray]:
    """CKA in float64 from dense matrices, by the textbook formulas."""
    grams = np.empty((len(features), N * N))
    biased = np.empty((len(features), len(features)))
    for index, x in enumerate(features):
        x64 = x.double()
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


def measured(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Result, CPU seconds and peak resident memory beyond what was there, in MB (nan where /proc is missing)."""
    gc.collect()
    try:
        Path("/proc/self/clear_refs").write_text("5")  # starts the high-water mark afresh
        before: float | None = resident("VmRSS")
    except OSError:
        before = None
    start = time.process_time()
    result = work()
    seconds = time.process_time() - start
    return result, seconds, float("nan") if before is None else resident("VmHWM") - before


def resident(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def gemm_rate() -> float:
    """Operations a CPU second of a 2,048^3 float32 product, best of five."""
    a, out = torch.randn(2048, 2048), torch.empty(2048, 2048)
    best = min(measured(lambda: torch.mm(a, a.T, out=out))[1] for _ in range(6))
    return 2 * 2048**3 / best


def useful_operations() -> float:
    """Multiplications and additions that all pairs need: half of each Gram matrix, half of all pairs."""
    layers = MODELS * LAYERS
    return MODELS * sum(WIDTHS) * N * (N + 1) + layers * (layers + 1) / 2 * N * (N - 1)


class Emitter(nn.Module):
    """A model whose layers are given features: what a package that wants models is fed."""

    def __init__(self, features: list[Tensor]) -> None:
        super().__init__()
        self.features = features
        self.names = [f"layer{index}" for index in range(len(features))]
        for name in self.names:
            self.add_module(name, nn.Identity())

    def forward(self, images: Tensor) -> None:
        for name, x in zip(self.names, self.features, strict=True):
            getattr(self, name)(x[images])


def pytorch_cka(first: list[Tensor], second: list[Tensor]) -> np.ndarray:
    return np.asarray(importlib.import_module("cka").cka_from_features(first, second))


def torch_cka(first: list[Tensor], second: list[Tensor]) -> np.ndarray:
    images = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.arange(N)), batch_size=N)
    one, two = Emitter(first), Emitter(second)
    package = importlib.import_module("torch_cka")
    comparison = package.CKA(one, two, "one", "two", model1_layers=one.names, model2_layers=two.names)
    with torch.no_grad():
        comparison.compare(images, images)
    return np.asarray(comparison.export()["CKA"])


def run_peer(
    module: str, compare: Callable[..., np.ndarray], features: list[Tensor], pairs: int, truth: np.ndarray
) -> dict[str, Any]:
    try:
        importlib.import_module(module)
    except ImportError:
        return {"note": "not installed"}
    models = [features[LAYERS * index : LAYERS * (index + 1)] for index in range(MODELS)]
    # The last pairs: two different models each, where there are enough.
    chosen = [pair for pair in MODEL_PAIRS if pair[0] != pair[1]][:pairs] if pairs < 16 else MODEL_PAIRS
    found, seconds, peak = measured(lambda: [compare(models[i], models[j]) for i, j in chosen])
    errors = [
        np.abs(values - truth[LAYERS * i : LAYERS * (i + 1), LAYERS * j : LAYERS * (j + 1)]).max()
        for values, (i, j) in zip(found, chosen, strict=True)
    ]
    scale = len(MODEL_PAIRS) / len(chosen)
    note = f"{len(chosen)} of {len(MODEL_PAIRS)} model pairs, scaled" if scale != 1 else "all model pairs"
    return {"cpu_s": seconds * scale, "peak_mb": peak, "max_error": max(errors), "note": note}


def run_own(features: list[Tensor], truth: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    rows = []
    for precision in ("float32", "bfloat16"):
        (found, biased), seconds, peak = measured(partial(both, features, precision))
        error = np.abs(found - truth["debiased"]).max()
        note = f"debiased and biased (error of biased {np.abs(biased - truth['biased']).max():.1e})"
        row = {"name": f"kindred, {precision}", "cpu_s": seconds, "peak_mb": peak, "max_error": error}
        rows.append(row | {"note": note})
    _, seconds, peak = measured(lambda: cka(pack(features, kernel="rbf")))
    rows.append({"name": "kindred, RBF", "cpu_s": seconds, "peak_mb": peak, "note": "debiased"})
    found, seconds, peak = measured(lambda: minibatch_cka(features, 128, 1))
    error = np.abs(found - truth["debiased"]).max()
    row = {"name": "kindred, minibatch 128", "cpu_s": seconds, "peak_mb": peak, "max_error": error}
    rows.append(row | {"note": "one pass; another estimator"})
    grams = pack(features)
    pairs = [(index, MODELS * LAYERS - 1 - index) for index in range(MODELS * LAYERS // 2)]
    _, seconds, peak = measured(lambda: jackknife(grams, pairs))
    note = f"{len(pairs)} pairs and {MODELS * LAYERS} self terms from packed Grams"
    rows.append({"name": "kindred, jackknife", "cpu_s": seconds, "peak_mb": peak, "note": note})
    return rows


def both(features: list[Tensor], precision: str) -> tuple[np.ndarray, np.ndarray]:
    grams = pack(features, precision=precision)  # type: ignore[arg-type]
    return cka(grams), cka(grams, "biased")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--csv", type=Path, help="also write the table to this file")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--pairs", type=int, default=3, help="model pairs other packages are run on (21: all)"
    )
    arguments = parser.parse_args()
    os.environ["TQDM_DISABLE"] = "1"
    torch.set_num_threads(arguments.threads)

    features = make_features()
    pack(features[-2:])  # the first product sets up its library
    rate = gemm_rate()
    print(f"float32 product: {rate / 1e9:.0f} GFLOP per CPU second; {arguments.threads} thread(s)")
    truth = reference(features)
    rows = run_own(features, truth)
    for name, module, compare, pairs in (
        ("pytorch-cka", "cka", pytorch_cka, arguments.pairs),
        ("torch-cka", "torch_cka", torch_cka, min(arguments.pairs, 1)),
    ):
        rows.append({"name": name} | run_peer(module, compare, features, pairs, truth["debiased"]))
    for row in rows[:2]:
        row["share"] = useful_operations() / row["cpu_s"] / rate
    columns = ("name", "cpu_s", "peak_mb", "max_error", "share", "note")
    print(f"{'name':24}{'CPU s':>9}{'peak MB':>9}{'max error':>11}{'share':>7}  note")
    for row in rows:
        cells = [
            format(row[key], form) if key in row else "-"
            for key, form in zip(columns[1:5], (".2f", ".0f", ".1e", ".0%"), strict=True)
        ]
        print("{:24}{:>9}{:>9}{:>11}{:>7}  {}".format(row["name"], *cells, row["note"]))
    if arguments.csv:
        with arguments.csv.open("w", newline="") as handle:
            writer = csv.DictWriter(handle, columns)
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
