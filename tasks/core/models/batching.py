"""Batches of images that are asked for at the same time, for a model that takes several in one run.

Nobody waits for a batch to fill: what arrives during a run is queued, and the next run takes the first of the queue and
those behind it that have its size. Each run is made by the thread of the first image in it.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core.arrays import Float32Array

MOST_IMAGES = 8
MOST_VALUES = MOST_IMAGES * 3 * 720 * 720  # of images in a run, for the memory that a model takes by the pixel

Run = Callable[[Float32Array], NDArray[Any]]
"""Images of one size, float32 (n, ...), to an answer each, (n, ...)."""


@dataclass(eq=False, slots=True)
class _Asked:
    """An image, and what becomes of it: an answer or an error, or its turn to make the next run."""

    image: Float32Array
    answer: NDArray[Any] | None = None
    error: Exception | None = None
    woken: threading.Event = field(default_factory=threading.Event)


class Batches:
    """A model's run, for several threads with an image each.

    A run of several that fails is made again for each alone: nobody's answer depends on who else has asked.

    Attributes:
        run: What makes a run of several.
        most_images: In a run.
        most_values: In the images of a run.
    """

    def __init__(self, run: Run, most_images: int = MOST_IMAGES, most_values: int = MOST_VALUES) -> None:
        self.run, self.most_images, self.most_values = run, most_images, most_values
        self._lock, self._queue, self._is_running = threading.Lock(), list[_Asked](), False

    def __call__(self, image: Float32Array) -> NDArray[Any]:
        """The answer (1, ...) to an image (1, ...); raises what its run raises."""
        asked = _Asked(image)
        with self._lock:
            self._queue.append(asked)
            is_first, self._is_running = not self._is_running, True
        if not is_first:
            asked.woken.wait()
        if asked.answer is None and asked.error is None:
            self._run_next()
        if asked.error is not None:
            raise asked.error
        assert asked.answer is not None  # noqa: S101 - it was in the run
        return asked.answer

    def _run_next(self) -> None:
        """Answer the first of the queue, which is the caller's, and those of its size; then the next has its turn."""
        with self._lock:
            batch = self._take()
        try:
            self._answer(batch)
        finally:
            with self._lock:
                following = self._queue[:1]
                self._is_running = bool(following)
            for asked in (*batch, *following):
                asked.woken.set()

    def _take(self) -> list[_Asked]:
        image = self._queue[0].image
        most = max(1, min(self.most_images, self.most_values // max(1, image.size)))
        batch = [asked for asked in self._queue if asked.image.shape == image.shape][:most]
        self._queue = [asked for asked in self._queue if asked not in batch]
        return batch

    def _answer(self, batch: list[_Asked]) -> None:
        try:
            for asked, answer in zip(batch, self.run(np.concatenate([one.image for one in batch])), strict=True):
                asked.answer = answer[np.newaxis]
        except Exception as error:  # noqa: BLE001 - whoever asked gets it
            if len(batch) == 1:
                batch[0].error = error
                return
            for asked in batch:
                asked.answer = None
                self._answer([asked])
