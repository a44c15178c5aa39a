"""How many images at a time, and the next ones read while these are computed."""

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import numpy as np
import torch
import zarr
from torch import Tensor, nn

from kindred.errors import BadInput

Pixels: TypeAlias = np.ndarray | zarr.Array

# More gains nothing: on a CPU a larger batch falls out of its cache, a GPU is busy by then.
MOST = {"cpu": 128}
MOST_ELSEWHERE = 512
SAMPLE = 2  # images to measure with, as one alone may take another path through the libraries
OVERHEAD = 1.5  # of what is counted here: gradients on their way back, workspaces


def fitting(classifier: nn.Module, example: Tensor, memory: float, *, gradients: bool) -> int:
    """The largest batch of images like `example` (1, c, h, w) whose passes take at most about `memory` bytes.

    gradients: forward and backward to the input, which keeps what every layer needs for the way back; otherwise a
    forward pass, which keeps no more than a layer's input and output (and what branches hold, counted as as much
    again). One small pass is run to find out, and the answer is the same whenever the network and the memory are.
    At most MOST images, and at least 1.

    Raises BadInput where even one image takes more than `memory`.
    """
    few = example.expand(SAMPLE, *example.shape[1:]).clone()
    each = (_kept(classifier, few) if gradients else _passing(classifier, few)) / SAMPLE * OVERHEAD
    if each > memory:
        raise BadInput(
            f"one image needs about {each / 2**30:.2g} GiB where memory allows {memory / 2**30:.2g} GiB; "
            "raise memory in the config."
        )
    return max(1, min(MOST.get(example.device.type, MOST_ELSEWHERE), int(memory / max(each, 1))))


def _kept(classifier: nn.Module, few: Tensor) -> int:
    """Bytes that autograd keeps of a forward pass, what is shared once and parameters not at all."""
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
        # What comes out is held on to, so that no address is used twice while it is looked at.
        answer = classifier(few.clone().requires_grad_())
        del answer
    return sum(storages.values())


def _passing(classifier: nn.Module, few: Tensor) -> int:
    """Bytes of the widest layer's input and output, twice."""
    widest = few.nbytes

    def look(_module: nn.Module, args: object, output: object) -> None:
        nonlocal widest
        tensors = [value for value in (*_flat(args), *_flat(output)) if isinstance(value, Tensor)]
        widest = max(widest, sum(value.nbytes for value in tensors))

    hooks = [
        module.register_forward_hook(look) for module in classifier.modules() if not any(module.children())
    ]
    try:
        with torch.inference_mode():
            classifier(few)
    finally:
        for hook in hooks:
            hook.remove()
    return 2 * widest


def _flat(values: object) -> list[object]:
    return list(values) if isinstance(values, tuple | list) else [values]


def read(images: Pixels, size: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield (rows, float32 images (b, ...)) in order, at most `size` at a time.

    Of a store every chunk is read once, and the next ones while the caller is busy with these; batches then end
    where chunks do.
    """
    if size < 1:
        raise BadInput(f"the batch size is {size}; it must be at least 1.")
    count = images.shape[0]
    if isinstance(images, np.ndarray):
        for start in range(0, count, size):
            rows = slice(start, min(start + size, count))
            yield rows, np.ascontiguousarray(images[rows], dtype=np.float32)
        return
    chunk = images.chunks[0]
    step = chunk * math.ceil(size / chunk)
    starts = range(0, count, step)
    with ThreadPoolExecutor(1) as reader:

        def fetch(start: int) -> np.ndarray:
            return np.asarray(images[start : start + step], dtype=np.float32)

        coming = reader.submit(fetch, starts[0]) if starts else None
        for start in starts:
            assert coming is not None
            block = coming.result()
            coming = reader.submit(fetch, start + step) if start + step < count else None
            for first in range(0, len(block), size):
                part = block[first : first + size]
                yield slice(start + first, start + first + len(part)), part
