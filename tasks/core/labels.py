"""Label masks: the endpoint's answer is checked before it is believed, then told apart into what counts as what.

Labels: 0 other, 1 flood, 2 flood with cloud. Masks are boolean arrays (height, width); True means yes.
"""

from collections.abc import Collection
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from tasks.core.errors import WrongMask

OTHER, FLOOD, FLOOD_UNDER_CLOUD = 0, 1, 2
LABELS = (OTHER, FLOOD, FLOOD_UNDER_CLOUD)

BoolMask = npt.NDArray[np.bool_]
LabelArray = npt.NDArray[np.uint8]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER_BYTES = 26  # signature, length and type of IHDR, width, height, bit depth, colour type
_END = b"IEND\xaeB`\x82"
_COLOUR_TYPES = {0: "grey", 2: "RGB", 3: "palette", 4: "grey with alpha", 6: "RGB with alpha"}


@dataclass(frozen=True, slots=True)
class LabelMasks:
    """What a tile's labels say about each pixel.

    Attributes:
        flood: (height, width) bool: labelled as flood, and valid.
        observed: (height, width) bool: valid, and the model's answer is used: flood or not flood is known.
        unassessed: (height, width) bool: valid, but labelled flood under cloud where that label does not count.
        removed_px: Pixels labelled flood that lie outside the valid mask, so were not believed.
    """

    flood: BoolMask
    observed: BoolMask
    unassessed: BoolMask
    removed_px: int


def encode_mask(labels: LabelArray) -> bytes:
    """Encode labels (height, width) uint8 as a single-channel 8-bit PNG."""
    return bytes(cv2.imencode(".png", labels)[1])


def decode_mask(png: bytes, width_px: int, height_px: int, name: str) -> LabelArray:
    """Decode an endpoint's answer into labels (height, width) uint8.

    The header is judged before anything is decoded: a PNG of a few bytes can declare gigabytes of pixels.

    Args:
        png: The answer's body.
        width_px: Columns of the image that was sent.
        height_px: Rows of the image that was sent.
        name: The tile, for messages.

    Raises:
        WrongMask: Not a whole, single-channel 8-bit PNG of that size with values 0, 1 and 2 only.
    """
    _judge_header(png, width_px, height_px, name)
    labels = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
    if labels is None or _END not in png[-_HEADER_BYTES:]:
        raise WrongMask(f"{name}: the mask of {len(png)} bytes is damaged or cut short: predict it again")
    if labels.shape != (height_px, width_px) or labels.dtype != np.uint8:
        raise WrongMask(f"{name}: the mask decodes to {labels.shape} {labels.dtype}, not 8-bit rows and columns")
    if labels.max() > FLOOD_UNDER_CLOUD:
        raise WrongMask(
            f"{name}: the mask holds the label {labels.max()}: known are {LABELS}; "
            "check that the model was trained with these labels and answers with class numbers, not grey levels"
        )
    return np.asarray(labels, np.uint8)


def split(labels: LabelArray, valid: BoolMask, flood_labels: Collection[int]) -> LabelMasks:
    """Tell flood, observed ground and what could not be assessed apart.

    Args:
        labels: (height, width) uint8.
        valid: (height, width) bool, True where the tile holds imagery.
        flood_labels: Labels that count as flood. Flood under cloud is not assessed where it is not among them.
    """
    labelled = np.isin(labels, list(flood_labels))
    hidden = np.zeros_like(valid) if FLOOD_UNDER_CLOUD in flood_labels else valid & (labels == FLOOD_UNDER_CLOUD)
    removed_px = int(np.count_nonzero(labelled & ~valid))
    return LabelMasks(labelled & valid, valid & ~hidden, hidden, removed_px)


def _judge_header(png: bytes, width_px: int, height_px: int, name: str) -> None:
    if len(png) < _HEADER_BYTES or not png.startswith(_SIGNATURE) or png[12:16] != b"IHDR":
        raise WrongMask(
            f"{name}: the answer is not a PNG (it starts with {png[:8]!r}): check the endpoint's accept type"
        )
    width, height = int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")
    if (width, height) != (width_px, height_px):
        raise WrongMask(
            f"{name}: the mask is {width} x {height} px, the image that was sent {width_px} x {height_px} px: "
            "the model must not resize its answer"
        )
    depth, colour = png[24], png[25]
    if (depth, colour) != (8, 0):
        kind = _COLOUR_TYPES.get(colour, f"colour type {colour}")
        raise WrongMask(f"{name}: the mask is {depth}-bit {kind}, not 8-bit grey (one label a pixel)")
