"""Batches: images that are asked for at the same time share a run, and nothing else."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.core.models.batching import Batches

Image = NDArray[np.float32]
TOO_LONG_SECONDS = 60


def image(value: float, size_px: int = 4) -> Image:
    """One image of this value."""
    return np.full((1, 3, size_px, size_px), value, np.float32)


class Gate:
    """A model that answers twice the image, whose first run takes until ``opened``.

    Attributes:
        runs: The images of each run.
    """

    def __init__(self, fails: Callable[[Image], bool] = lambda images: False) -> None:  # noqa: ARG005 - never
        self.runs: list[list[float]] = []
        self.fails, self.began, self.opened = fails, threading.Event(), threading.Event()

    def __call__(self, images: Image) -> NDArray[Any]:
        """Answer images."""
        self.runs.append(images[:, 0, 0, 0].tolist())
        self.began.set()
        assert self.opened.wait(TOO_LONG_SECONDS)
        if self.fails(images):
            raise RuntimeError(f"cannot run {images[:, 0, 0, 0].tolist()}")
        return images * 2


def asked(gate: Gate, batches: Batches, images: list[Image]) -> list[Future[NDArray[Any]]]:
    """Ask for a first image, and for the others, in their order, while it runs; all are done."""
    with ThreadPoolExecutor(len(images)) as pool:
        futures = [pool.submit(batches, images[0])]
        assert gate.began.wait(TOO_LONG_SECONDS)
        for number, one in enumerate(images[1:], 1):
            futures.append(pool.submit(batches, one))
            while len(batches._queue) < number:
                time.sleep(0.001)
        gate.opened.set()
    return futures


def test_what_arrives_during_a_run_is_the_next() -> None:
    """Of one size, in the order of arrival; nobody waits for others to come."""
    gate = Gate()
    sizes = [4, 4, 5, 4, 5, 4]
    futures = asked(gate, Batches(gate), [image(number, size) for number, size in enumerate(sizes)])
    assert gate.runs == [[0], [1, 3, 5], [2, 4]]
    for number, (future, size) in enumerate(zip(futures, sizes, strict=True)):
        np.testing.assert_array_equal(future.result(), image(2 * number, size))


@pytest.mark.parametrize(("bounds", "runs"), [((2, 10**6), [1, 2, 2]), ((8, 3 * 48), [1, 3, 1]), ((8, 1), [1] * 5)])
def test_a_run_is_bounded(bounds: tuple[int, int], runs: list[int]) -> None:
    """In images, and in their pixels, for the memory that it takes; one image is always taken."""
    gate = Gate()
    futures = asked(gate, Batches(gate, *bounds), [image(number) for number in range(5)])
    assert [len(run) for run in gate.runs] == runs
    assert [future.result()[0, 0, 0, 0] for future in futures] == [0, 2, 4, 6, 8]


def test_an_image_that_fails_is_nobody_elses_loss() -> None:
    """A run of several that fails is made again for each, and who cannot be answered gets its own image's error."""
    gate = Gate(lambda images: 2 in images)
    futures = asked(gate, Batches(gate), [image(number) for number in range(4)])
    assert [future.result()[0, 0, 0, 0] for future in futures if future is not futures[2]] == [0, 2, 6]
    with pytest.raises(RuntimeError, match=r"cannot run \[2\.0\]"):
        futures[2].result()


def test_a_model_that_answers_one_image_alone_is_asked_for_each() -> None:
    """One answer to several images is not taken for that of each."""
    gate = Gate()
    futures = asked(gate, Batches(lambda images: gate(images)[:1]), [image(number) for number in range(4)])
    assert [future.result()[0, 0, 0, 0] for future in futures] == [0, 2, 4, 6]


def test_who_asks_after_an_error_is_answered() -> None:
    """A failed run leaves nothing behind that would hold up the next."""
    gate = Gate(lambda images: 0 in images)
    gate.opened.set()
    batches = Batches(gate)
    with pytest.raises(RuntimeError):
        batches(image(0))
    assert batches(image(1))[0, 0, 0, 0] == 2


def test_many_threads_get_their_own_answers() -> None:
    """However they meet: each image's answer is the one that it has alone."""
    batches = Batches(lambda images: images * 2, 3)
    images = [image(number, 2 + number % 3) for number in range(300)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(batches, images))
    assert all(np.array_equal(answer, 2 * one) for answer, one in zip(answers, images, strict=True))
