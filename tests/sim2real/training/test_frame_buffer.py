"""The ring of frames: the newest are kept whole, also while one thread writes and another samples."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2real.training.frame_buffer import FrameBuffer


def numbered(first: int, count: int) -> dict[str, np.ndarray]:
    """Rows that know their number, in two arrays of different shape and type."""
    number = np.arange(first, first + count)
    return {"image": (number[:, None, None] % 251).astype(np.uint8).repeat(3, 2), "label": number.astype(np.float32)}


@given(st.integers(1, 20), st.lists(st.integers(1, 30), min_size=1, max_size=12), st.integers(0, 99))
def test_it_holds_exactly_the_newest_rows(capacity: int, batches: list[int], seed: int):
    buffer, count = FrameBuffer(capacity), 0
    for size in batches:
        buffer.add(numbered(count, size))
        count += size
    assert len(buffer) == min(capacity, count)
    sample = buffer.sample(40 * capacity, np.random.default_rng(seed))
    newest = set(range(max(0, count - capacity), count))
    assert set(sample["label"].astype(int)) <= newest
    if capacity <= 4:  # then each of them was drawn, but for a chance of 1e-17
        assert set(sample["label"].astype(int)) == newest
    np.testing.assert_array_equal(sample["image"][:, 0, 0], sample["label"].astype(int) % 251)
    assert sample["image"].shape == (40 * capacity, 1, 3) and sample["image"].dtype == np.uint8


def test_samples_are_copies_and_uniform():
    buffer, random = FrameBuffer(10), np.random.default_rng(0)
    rows = numbered(0, 10)
    buffer.add(rows)
    rows["label"][:] = -1
    first = buffer.sample(10_000, random)
    counts = np.bincount(first["label"].astype(int), minlength=10)
    assert counts.min() > 850 and counts.max() < 1150  # 5 standard deviations of a binomial around 1000
    first["label"][:] = -1
    assert buffer.sample(100, random)["label"].min() >= 0


def test_a_sample_never_mixes_two_writes():
    buffer, random, stop = FrameBuffer(64), np.random.default_rng(0), threading.Event()
    buffer.add(numbered(0, 64))

    def write() -> None:
        first = 64
        while not stop.is_set():
            buffer.add(numbered(first, 32))
            first += 32

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(300):
            sample = buffer.sample(32, random)
            np.testing.assert_array_equal(sample["image"][:, 0, 0], sample["label"].astype(int) % 251)
            assert np.ptp(sample["label"]) < 64
    finally:
        stop.set()
        writer.join()


def test_misuse_is_said():
    with pytest.raises(ValueError, match="at least one sample, not 0"):
        FrameBuffer(0)
    buffer = FrameBuffer(4)
    with pytest.raises(ValueError, match="buffer is empty"):
        buffer.sample(1, np.random.default_rng(0))
    buffer.add(numbered(0, 2))
    with pytest.raises(ValueError, match="one row each of: image, label"):
        buffer.add({"image": numbered(0, 2)["image"]})
    with pytest.raises(ValueError, match="one row each of: image, label"):
        buffer.add({"image": numbered(0, 1)["image"], "label": numbered(0, 2)["label"]})
    assert len(buffer) == 2
