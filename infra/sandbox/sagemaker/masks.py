"""The forms in which an endpoint may answer a label mask: as AWS's algorithm does, and others that are no mask of ours.

The built-in semantic segmentation algorithm answers ``image/png`` with an indexed PNG, like the annotations that it is
trained with: https://docs.aws.amazon.com/sagemaker/latest/dg/semantic-segmentation.html
"""

import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from tasks.core.masks import png_masks

INDEXED, GREY = "indexed", "grey"
COLOURS, BITS, CHANNELS = 256, 8, 3
# Of the greys between which labels may be stretched: 0, 127 and 255 for three labels.
HALF, WHITE = 127, 255


def palette() -> list[int]:
    """Pascal VOC's colours, which AWS's examples train with: the bits of an index go to red, green and blue in turn."""
    return [
        sum((index >> (CHANNELS * bit + channel) & 1) << (BITS - 1 - bit) for bit in range(BITS))
        for index in range(COLOURS)
        for channel in range(CHANNELS)
    ]


def converted(png: bytes, form: str) -> bytes:
    """A label mask of one channel in another form, a key of ``FORMS``.

    Raises:
        tasks.core.errors.WrongMask: It is no PNG, or damaged.
    """
    return FORMS[form](png_masks.decode(png, "the container's answer"))


def _file(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _indexed(labels: npt.NDArray[np.uint8]) -> bytes:
    image = Image.fromarray(labels).convert("P")
    image.putpalette(palette())
    return _file(image)


FORMS: Mapping[str, Callable[[npt.NDArray[Any]], bytes]] = {
    INDEXED: _indexed,
    GREY: png_masks.encode,
    "rgb": lambda labels: _file(Image.fromarray(np.stack([labels] * CHANNELS, axis=-1))),
    "16-bit": lambda labels: _file(Image.fromarray(labels.astype(np.uint16))),
    "scaled": lambda labels: _file(Image.fromarray(np.array([0, HALF, WHITE], np.uint8)[labels])),
}
