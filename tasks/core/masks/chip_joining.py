"""The answers to an image's chips, put together: one answer, as if the image had been asked for in one piece.

Probabilities of chips that overlap are averaged, each weighted by its distance from the chip's edge (a Hann window in
rows and columns), where a model that looks around itself knows least: the outermost pixels count for nothing. At the
image's own edge, which every chip there sees alike, nothing falls off. Labels cannot be averaged: there the chip whose
middle is nearest has the say.
"""

from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np

from tasks.core.arrays import Float32Array, LabelArray
from tasks.core.chip_layout import ChipLayout, Span
from tasks.core.errors import WrongMaskFormat
from tasks.core.masks.answers import Answer, answer_of

PROBABILITY_AXES = 3
MIDDLE = 0.5
BLIND_PX = 8  # at a chip's edge: half of the least overlap, so that each pixel has a chip that sees it
MIXED = "{name}: the endpoint answered some of its chips in another form than the others"


def join(layout: ChipLayout, answers: Iterable[Float32Array | LabelArray], name: str) -> Answer:
    """One answer of those to the chips, which are taken one at a time.

    Args:
        layout: Of the chips.
        answers: In the layout's order: of each probabilities, float32 (labels, height, width), or labels, uint8.
        name: The tile's, for messages.

    Raises:
        WrongMaskFormat: The answers are of different kinds.
    """
    iterator = iter(answers)
    first = next(iterator)
    of_one_kind = _checked(chain([first], iterator), first.shape[:-2], name)
    if first.ndim == PROBABILITY_AXES:
        return _averaged(layout, of_one_kind, len(first))
    labels = np.empty((layout.height_px, layout.width_px), np.uint8)
    for chip, answer in zip(layout, of_one_kind, strict=True):
        labels[chip.own] = answer[chip.own_inside]
    return Answer(labels)


def _checked(
    answers: Iterable[Float32Array | LabelArray], kind: tuple[int, ...], name: str
) -> Iterator[Float32Array | LabelArray]:
    for answer in answers:
        if answer.shape[:-2] != kind:
            raise WrongMaskFormat(MIXED.format(name=name))
        yield answer


def _averaged(layout: ChipLayout, answers: Iterator[Float32Array | LabelArray], labels: int) -> Answer:
    """A row of chips at a time: what no later row reaches is done, and the rest goes on to the next."""
    size = (layout.height_px, layout.width_px)
    joined = Answer(np.empty(size, np.uint8), np.empty(size, np.uint8))
    rows = layout.rows
    columns = [(column.whole, _hann(column, layout.width_px)) for column in layout.columns]
    strip = np.zeros((labels, max(row.length for row in rows), layout.width_px), np.float32)
    for row, end in zip(rows, [*(row.whole.start for row in rows[1:]), layout.height_px], strict=True):
        down = _hann(row, layout.height_px)[:, np.newaxis]
        for column, across in columns:
            strip[:, : row.length, column] += next(answers) * (down * across)
        done = end - row.whole.start
        found = answer_of(strip[:, :done])
        assert found.confidence is not None and joined.confidence is not None  # noqa: S101, PT018 - of probabilities
        joined.labels[row.whole.start : end], joined.confidence[row.whole.start : end] = found.labels, found.confidence
        rest = strip[:, done : row.length].copy()
        strip[:, : rest.shape[1]] = rest
        strip[:, rest.shape[1] :] = 0
    return joined


def _hann(span: Span, length: int) -> Float32Array:
    """Weights along an axis of so many pixels, by the middles of pixels."""
    middles = (np.arange(span.length) + 0.5 - BLIND_PX) / max(1, span.length - 2 * BLIND_PX)
    weights = np.sin(np.pi * middles.clip(0, 1)) ** 2
    weights[(span.whole.start == 0) & (middles < MIDDLE)] = 1
    weights[(span.whole.stop == length) & (middles > MIDDLE)] = 1
    return np.asarray(weights, np.float32)
