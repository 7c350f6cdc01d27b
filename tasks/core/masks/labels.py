"""Label masks: the endpoint's answer is checked before it is believed, then told apart into what counts as what.

Labels: 0 other, 1 flood, 2 flood with cloud, 3 ignored: ground that the model has no answer for, which only a class map
says. Masks are boolean arrays (height, width); True means yes.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from tasks.core.arrays import BoolMask, LabelArray, UInt8Array
from tasks.core.class_map import FLOOD_UNDER_CLOUD, IGNORED, LABELS, is_unmapped
from tasks.core.errors import WrongMaskFormat
from tasks.core.masks import png_masks
from tasks.core.masks.png_masks import COLOUR_TYPES, DEPTHS, GREY, INDEXED, Header

SAMPLES = 256


@dataclass(frozen=True, slots=True)
class LabelMasks:
    """What a tile's labels say about each pixel.

    Attributes:
        flood: (height, width) bool: labelled as flood, and valid.
        observed: (height, width) bool: valid, and the model's answer is used: flood or not flood is known.
        unassessed: (height, width) bool: valid, but ignored, or labelled flood under cloud where that does not count.
        clouded: (height, width) bool: labelled flood under cloud, valid, and counted as flood.
        flood_px_in_padding: Pixels labelled flood that lie outside the valid mask, so were not believed.
    """

    flood: BoolMask
    observed: BoolMask
    unassessed: BoolMask
    clouded: BoolMask
    flood_px_in_padding: int


def encode_mask(labels: LabelArray) -> bytes:
    """Encode labels (height, width) uint8 as a single-channel 8-bit PNG: the same labels give the same bytes."""
    return png_masks.encode(labels)


def decode_mask(png: bytes, width_px: int, height_px: int, name: str, class_map: Sequence[int] = LABELS) -> LabelArray:
    """Decode an endpoint's answer to an image of this size into labels (height, width) uint8.

    Grey samples are classes, and so are the indices of an indexed PNG, whatever colours its palette gives them: AWS's
    built-in algorithm answers as it was trained, with indexed PNG
    (https://docs.aws.amazon.com/sagemaker/latest/dg/semantic-segmentation.html).

    The header is judged before anything is decoded: a PNG of a few bytes can declare gigabytes of pixels.

    Args:
        png: The answer.
        width_px: Of the image.
        height_px: Of the image.
        name: The tile's, for messages.
        class_map: The label of each class.

    Raises:
        WrongMaskFormat: Not a grey or indexed PNG of at most 8 bit, of that size, with classes of the map only: what
            this model answers to other images will be no better.
        WrongMask: This one answer is damaged.
    """
    _judge(png_masks.read_header(png, name), width_px, height_px, name)
    classes = png_masks.decode(png, name)
    if classes.max() >= len(class_map):
        raise WrongMaskFormat(
            f"{name}: the mask holds the label {classes.max()}: known are {tuple(range(len(class_map)))}; "
            "check that the model was trained with these labels and answers with class numbers, not grey levels; "
            "which label each class of another model is, is said by `labels`"
        )
    return classes if is_unmapped(class_map) else _mapped(classes, class_map)


def _mapped(classes: UInt8Array, class_map: Sequence[int]) -> LabelArray:
    """By a table of bytes: as an index, each pixel would take eight."""
    table = bytes(class_map).ljust(SAMPLES, b"\0")
    return np.frombuffer(classes.tobytes().translate(table), np.uint8).reshape(classes.shape)


def split(labels: LabelArray, valid: BoolMask, flood_labels: Collection[int]) -> LabelMasks:
    """Tell flood, observed ground and what could not be assessed apart.

    Args:
        labels: (height, width) uint8.
        valid: (height, width) bool, True where the tile holds imagery.
        flood_labels: Labels that count as flood. Flood under cloud is not assessed where it is not among them, and
            ignored ground never is.
    """
    counts = np.isin(np.arange(SAMPLES), list(flood_labels)).astype(np.uint8)
    flood = np.asarray(cv2.LUT(labels, counts), np.uint8).view(np.bool_)
    labelled_px = int(np.count_nonzero(flood))
    flood &= valid
    flood_px_in_padding = labelled_px - int(np.count_nonzero(flood))
    hidden, clouded = labels == IGNORED, labels == FLOOD_UNDER_CLOUD
    if FLOOD_UNDER_CLOUD not in flood_labels:
        hidden |= clouded
    hidden &= valid
    return LabelMasks(flood, valid & ~hidden, hidden, clouded & flood, flood_px_in_padding)


def _judge(header: Header, width_px: int, height_px: int, name: str) -> None:
    if (header.width_px, header.height_px) != (width_px, height_px):
        raise WrongMaskFormat(
            f"{name}: the mask is {header.width_px} x {header.height_px} px, the image that was sent "
            f"{width_px} x {height_px} px: the model must not resize its answer"
        )
    if header.colour not in (GREY, INDEXED) or header.depth not in DEPTHS:
        kind = COLOUR_TYPES.get(header.colour, f"colour type {header.colour}")
        raise WrongMaskFormat(
            f"{name}: the mask is {header.depth}-bit {kind}, not grey or indexed of 8 bit or less (one label a pixel)"
        )
