"""How many images at a time, and reading them."""

import threading

import numpy as np
import pytest
import torch
import zarr
from kindred import batches
from kindred.errors import BadInput
from torch import nn

NET = nn.Sequential(nn.Conv2d(1, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1), nn.Flatten())
EXAMPLE = torch.rand(1, 1, 32, 32)
MAP = 64 * 32 * 32 * 4  # bytes of one image's activations after a convolution


def test_a_batch_with_gradients_fits_what_is_kept_for_the_way_back():
    # The ReLU's output, which the second convolution keeps too, and the image itself.
    kept = batches._kept(NET, torch.rand(10, 1, 32, 32))
    assert 10 * MAP <= kept <= 10 * (2 * MAP + 2 * 4096)
    memory = 40 * MAP
    size = batches.fitting(NET, EXAMPLE, memory, gradients=True)
    assert size * kept / 10 <= memory < 2 * (size + 1) * kept / 10


def test_without_gradients_a_layer_at_a_time_counts():
    deep = nn.Sequential(
        *(nn.Conv2d(64, 64, 3, padding=1) if i else nn.Conv2d(1, 64, 3, padding=1) for i in range(9))
    )
    memory = 60 * MAP
    with_way_back = batches.fitting(deep, EXAMPLE, memory, gradients=True)
    assert batches.fitting(deep, EXAMPLE, memory, gradients=False) > with_way_back
    assert not any(module._forward_hooks for module in deep.modules())


def test_never_more_than_pays_and_less_memory_means_fewer():
    sizes = [batches.fitting(NET, EXAMPLE, memory, gradients=True) for memory in (2**40, 50 * MAP, 10 * MAP)]
    assert sizes[0] == batches.MOST["cpu"] > sizes[1] > sizes[2] >= 1


def test_not_even_one_image_is_told():
    with pytest.raises(BadInput, match=r"one image needs about .* GiB where memory allows"):
        batches.fitting(NET, EXAMPLE, MAP / 2, gradients=True)


def test_inside_inference_mode():
    with torch.inference_mode():
        assert batches.fitting(NET, EXAMPLE.clone(), 2**30, gradients=True) >= 1


@pytest.mark.parametrize("size", [1, 3, 4, 7, 50])
def test_reading_gives_every_image_once_in_order(size):
    values = np.random.default_rng(0).random((23, 2, 3)).astype(np.float32)
    array = zarr.create_array({}, shape=values.shape, dtype="float32", chunks=(4, 2, 3))
    array[...] = values
    for images in (values, array):
        seen = list(batches.read(images, size))
        assert all(len(part) <= size and rows.stop - rows.start == len(part) for rows, part in seen)
        assert [rows.start for rows, _ in seen[1:]] == [rows.stop for rows, _ in seen[:-1]]
        assert np.array_equal(np.concatenate([part for _, part in seen]), values)


def test_every_chunk_is_read_once_and_the_next_one_ahead():
    asked = []
    there = threading.Event()

    class Counted:
        shape, chunks = (12, 1), (4, 1)

        def __getitem__(self, rows):
            asked.append((rows.start, rows.stop))
            if len(asked) == 2:
                there.set()
            return np.zeros((min(rows.stop, 12) - rows.start, 1))

    reading = batches.read(Counted(), 3)
    next(reading)
    assert there.wait(5), "the next chunk is read while the caller has the first images"
    list(reading)
    assert asked == [(0, 4), (4, 8), (8, 12)]


def test_an_error_while_reading_ahead_reaches_the_caller():
    class Broken:
        shape, chunks = (8, 1), (4, 1)

        def __getitem__(self, rows):
            if rows.start:
                raise OSError("disk gone")
            return np.zeros((4, 1))

    with pytest.raises(OSError, match="disk gone"):
        list(batches.read(Broken(), 4))


def test_a_batch_of_nothing_is_refused():
    with pytest.raises(BadInput, match="batch size is 0"):
        next(batches.read(np.zeros((2, 1)), 0))
