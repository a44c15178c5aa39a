"""Batch sizes that fit memory, and reading images ahead."""

import threading

import numpy as np
import pytest
import torch
import zarr
from kindred.activations import batches
from kindred.workflow.errors import BadInput
from torch import nn

NET = nn.Sequential(nn.Conv2d(1, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1), nn.Flatten())
EXAMPLE = torch.rand(1, 1, 32, 32)
MAP = 64 * 32 * 32 * 4  # bytes of one image's feature maps


def test_batch_with_gradients_fits_what_autograd_saves():
    # The ReLU's output, saved by it and by the second convolution, and the image itself.
    kept = batches._saved(NET, torch.rand(10, 1, 32, 32))
    assert 10 * MAP <= kept <= 10 * (2 * MAP + 2 * 4096)
    memory = 40 * MAP
    size = batches.fitting(NET, EXAMPLE, memory, gradients=True)
    assert size * kept / 10 <= memory < 2 * (size + 1) * kept / 10


def test_batch_without_gradients_is_limited_by_the_widest_layer():
    deep = nn.Sequential(*(nn.Conv2d(64, 64, 3, padding=1) if i else nn.Conv2d(1, 64, 3, padding=1) for i in range(9)))
    memory = 60 * MAP
    with_gradients = batches.fitting(deep, EXAMPLE, memory, gradients=True)
    assert batches.fitting(deep, EXAMPLE, memory, gradients=False) > with_gradients
    assert not any(module._forward_hooks for module in deep.modules())


def test_batch_is_capped_and_shrinks_with_memory():
    sizes = [batches.fitting(NET, EXAMPLE, memory, gradients=True) for memory in (2**40, 50 * MAP, 10 * MAP)]
    assert sizes[0] == batches.MAX_BATCH["cpu"] > sizes[1] > sizes[2] >= 1


def test_memory_below_one_image_is_an_error():
    with pytest.raises(BadInput, match=r"one image needs about .* GiB where memory allows"):
        batches.fitting(NET, EXAMPLE, MAP / 2, gradients=True)


def test_batch_size_is_found_inside_inference_mode():
    with torch.inference_mode():
        assert batches.fitting(NET, EXAMPLE.clone(), 2**30, gradients=True) >= 1


@pytest.mark.parametrize("size", [1, 3, 4, 7, 50])
def test_read_yields_every_image_once_in_order(size):
    values = np.random.default_rng(0).random((23, 2, 3)).astype(np.float32)
    array = zarr.create_array({}, shape=values.shape, dtype="float32", chunks=(4, 2, 3))
    array[...] = values
    for images in (values, array):
        seen = list(batches.read(images, size))
        assert all(len(part) <= size and rows.stop - rows.start == len(part) for rows, part in seen)
        assert [rows.start for rows, _ in seen[1:]] == [rows.stop for rows, _ in seen[:-1]]
        assert np.array_equal(np.concatenate([part for _, part in seen]), values)


def test_every_chunk_is_read_once_and_the_next_one_ahead():
    requested = []
    ahead = threading.Event()

    class Counted:
        shape, chunks = (12, 1), (4, 1)

        def __getitem__(self, rows):
            requested.append((rows.start, rows.stop))
            if len(requested) == 2:
                ahead.set()
            return np.zeros((min(rows.stop, 12) - rows.start, 1))

    reading = batches.read(Counted(), 3)
    next(reading)
    assert ahead.wait(5), "the next chunk was not read ahead"
    list(reading)
    assert requested == [(0, 4), (4, 8), (8, 12)]


def test_an_error_while_reading_ahead_is_raised():
    class Broken:
        shape, chunks = (8, 1), (4, 1)

        def __getitem__(self, rows):
            if rows.start:
                raise OSError("disk gone")
            return np.zeros((4, 1))

    with pytest.raises(OSError, match="disk gone"):
        list(batches.read(Broken(), 4))
