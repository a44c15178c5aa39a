"""Batch sizes that fit memory, and images read ahead of the computation."""

import contextlib
import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import numpy as np
import torch
import zarr
from torch import Tensor, nn

from kindred.images.shuffled import Shuffled
from kindred.workflow.errors import BadInput

Pixels: TypeAlias = np.ndarray | zarr.Array | Shuffled

# More gains nothing: on a CPU a larger batch falls out of the cache, a GPU is saturated by then.
MAX_BATCH = {"cpu": 128}
MAX_BATCH_ELSEWHERE = 512
SAMPLE = 2  # images to measure with: libraries may treat a single one differently
OVERHEAD = 1.5  # factor for what is not counted here: gradients in flight, workspaces


def fitting(classifier: nn.Module, example: Tensor, memory: float, *, gradients: bool) -> int:
    """The largest batch of images like `example` (1, c, h, w) whose passes take at most about `memory` bytes.

    gradients: a forward and a backward pass to the input, which keeps what every layer needs for the backward pass;
    otherwise a forward pass alone, which keeps no more than one layer's input and output (and what branches hold,
    counted as the same again). One small pass is run to measure this; the result depends on the network and the memory
    alone. At most MAX_BATCH images, at least 1. Raises BadInput if even one image takes more than `memory`.
    """
    sample = example.expand(SAMPLE, *example.shape[1:]).clone()
    each = (_saved(classifier, sample) if gradients else _widest(classifier, sample)) / SAMPLE * OVERHEAD
    if each > memory:
        raise BadInput(
            f"one image needs about {each / 2**30:.2g} GiB where memory allows {memory / 2**30:.2g} GiB; "
            "raise `memory` in the config."
        )
    return max(1, min(MAX_BATCH.get(example.device.type, MAX_BATCH_ELSEWHERE), int(memory / max(each, 1))))


def _saved(classifier: nn.Module, sample: Tensor) -> int:
    """Bytes that autograd saves in a forward pass: shared storage counted once, parameters not at all."""
    weights = {parameter.untyped_storage().data_ptr() for parameter in classifier.parameters()}
    storages: dict[int, int] = {}

    def keep(value: Tensor) -> Tensor:
        storage = value.untyped_storage()
        if storage.data_ptr() not in weights:
            storages[storage.data_ptr()] = storage.nbytes()
        return value

    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value),
    ):
        # The graph is kept alive while storages are counted, so that no address is reused.
        logits = classifier(sample.clone().requires_grad_())
        del logits
    return sum(storages.values())


def _widest(classifier: nn.Module, sample: Tensor) -> int:
    """Twice the bytes of the input and output of the widest layer."""
    widest = sample.nbytes

    def measure(_module: nn.Module, args: tuple[object, ...], output: object) -> None:
        nonlocal widest
        outputs = output if isinstance(output, tuple | list) else [output]
        widest = max(widest, sum(value.nbytes for value in (*args, *outputs) if isinstance(value, Tensor)))

    with contextlib.ExitStack() as stack, torch.inference_mode():
        for module in classifier.modules():
            if not any(module.children()):
                stack.callback(module.register_forward_hook(measure).remove)
        classifier(sample)
    return 2 * widest


def read(images: Pixels, size: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield (rows, float32 images (b, ...)) in order, at most `size` images at a time.

    From a store every chunk is read once, the next one while the caller works on the current one; batches then end at
    chunk boundaries.
    """
    count = images.shape[0]
    step = size if isinstance(images, np.ndarray) else images.chunks[0] * math.ceil(size / images.chunks[0])

    def fetch(start: int) -> np.ndarray:
        return np.ascontiguousarray(images[start : start + step], dtype=np.float32)

    with ThreadPoolExecutor(1) as reader:
        pending = reader.submit(fetch, 0)
        for start in range(0, count, step):
            block = pending.result()
            if start + step < count:
                pending = reader.submit(fetch, start + step)
            for first in range(0, len(block), size):
                part = block[first : first + size]
                yield slice(start + first, start + first + len(part)), part
