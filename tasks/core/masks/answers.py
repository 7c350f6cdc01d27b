"""What an endpoint answers to an image: a label mask, or probabilities that say how sure each label is.

A confidence is how far the most probable label is ahead of the next, 0..255: 255 is sure, 0 is a toss-up.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tasks.core.arrays import Float32Array, LabelArray, UInt8Array
from tasks.core.class_map import LABELS, by_label
from tasks.core.errors import WrongMask, WrongMaskFormat
from tasks.core.masks import probabilities as record
from tasks.core.masks.labels import decode_mask

SURE = 255
TOLERANCE = 0.01  # by which probabilities of a pixel may miss 1: models also answer in 16 bit
ROWS_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model says of an image.

    Attributes:
        labels: uint8 (height, width).
        confidence: uint8 (height, width); None where the model gives labels alone.
    """

    labels: LabelArray
    confidence: UInt8Array | None = None


def answer_of(probabilities: Float32Array) -> Answer:
    """The most probable label of each pixel (the first of equals), and how far it is ahead.

    Args:
        probabilities: float32 (2 to 4, height, width), by label; or multiples of them, another in each pixel.
    """
    size = probabilities.shape[1:]
    labels, confidence = np.empty(size, np.uint8), np.empty(size, np.uint8)
    for start in range(0, size[0], ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        of_part = probabilities[:, part]
        labels[part] = of_part.argmax(axis=0)
        first, total = of_part.max(axis=0), of_part.sum(axis=0)
        confidence[part] = np.rint((first - _second(of_part, first, total)) / total * SURE).clip(0, SURE)
    return Answer(labels, confidence)


def _second(values: Float32Array, first: Float32Array, total: Float32Array) -> Float32Array:
    """The second largest along the first axis; sorting is slow, and not needed for less than four."""
    if len(values) > len(LABELS):
        return np.asarray(np.partition(values, -2, axis=0)[-2])
    last: Float32Array = values.min(axis=0)
    return last if len(values) == 2 else np.asarray(total - first - last)  # noqa: PLR2004 - one is between


def decode_answer(
    content: bytes, width_px: int, height_px: int, name: str, class_map: Sequence[int] = LABELS
) -> Float32Array | LabelArray:
    """Decode an endpoint's answer to an image of this size, whose classes are labels by ``class_map``.

    Returns:
        Probabilities by label, float32 (2 to 4, height, width), or where it is a label mask, labels, uint8 (height,
        width).

    Raises:
        WrongMaskFormat: It is of another size or of other classes, or neither: what this model answers to other
            images will be no better.
        WrongMask: This one answer is damaged.
    """
    if not record.is_record(content):
        return decode_mask(content, width_px, height_px, name, class_map)
    try:
        found = record.decode(content)
    except ValueError as error:
        raise WrongMask(f"{name}: the probabilities of {len(content)} bytes are damaged ({error})") from error
    if found.shape[1:] != (height_px, width_px) or not _fits(found.shape[0], class_map):
        needed = "two or three" if class_map == LABELS else str(len(class_map))
        raise WrongMaskFormat(
            f"{name}: probabilities {found.shape} (classes, height, width) for an image of {width_px} x {height_px} "
            f"px: {needed} classes of its size are needed; which label each class is, is said by `labels`"
        )
    if not (np.abs(found.sum(axis=0) - 1) <= TOLERANCE).all() or found.min() < -TOLERANCE:
        raise WrongMaskFormat(f"{name}: what was answered as probabilities does not sum up to 1 in each pixel")
    return by_label(found, class_map)


def _fits(classes: int, class_map: Sequence[int]) -> bool:
    """Without a map, two classes are the first two labels."""
    return classes == len(class_map) or (class_map == LABELS and classes == 2)  # noqa: PLR2004 - see above
