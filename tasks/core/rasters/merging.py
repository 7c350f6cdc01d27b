"""What a pixel of a raster shows where several tiles have one: the rules of the layers, pixel by pixel."""

from collections.abc import Collection

import numpy as np

from tasks.core.arrays import BoolMask, LabelArray, UInt8Array
from tasks.core.class_map import FLOOD, FLOOD_UNDER_CLOUD, LABELS, OTHER
from tasks.core.masks.answers import SURE

NO_DATA = 255
PERCENT = 100
OPAQUE = 255
# Below this in all bands a pixel may be padding that was taken for imagery: it does not cover what another tile shows.
DARK = 12

_PERCENT_OF = np.rint(np.arange(SURE + 1) * PERCENT / SURE).astype(np.uint8)


def with_no_data(labels: LabelArray, valid: BoolMask) -> LabelArray:
    """The labels where the tile holds imagery, elsewhere 255."""
    return np.where(valid, labels, np.uint8(NO_DATA))


def percent(confidence: UInt8Array | None, valid: BoolMask) -> UInt8Array:
    """A confidence of 0..255 as 0..100; 255 where there is none."""
    if confidence is None:
        return np.full(valid.shape, NO_DATA, np.uint8)
    return np.where(valid, _PERCENT_OF[confidence], np.uint8(NO_DATA))


def merge_answers(
    labels: LabelArray,
    confidence: UInt8Array,
    others: LabelArray,
    others_confidence: UInt8Array,
    flood_labels: Collection[int],
) -> None:
    """Put another tile's labels and confidence into those that are there.

    Flood wins over what is dry, flood in sight over flood under cloud, what was observed over what was not, and that
    over no data. Of equal labels the surer one counts.

    Args:
        labels: (height, width) uint8, 255 where there is none; changed in place.
        confidence: (height, width) uint8, percent, 255 where it is not known; changed in place.
        others: Likewise, of the other tile.
        others_confidence: Likewise.
        flood_labels: Labels that count as flood.
    """
    rank = _ranks(flood_labels)
    wins = rank[others] > rank[labels]
    known = others_confidence != NO_DATA
    surer = known & ((confidence == NO_DATA) | (others_confidence > confidence))
    np.copyto(confidence, others_confidence, where=wins | ((others == labels) & surer))
    np.copyto(labels, others, where=wins)


def merge_pictures(mosaic: UInt8Array, nrg: UInt8Array, valid: BoolMask) -> None:
    """Put a tile's imagery into a mosaic (4, height, width), whose last band is 255 where it shows something.

    Args:
        mosaic: Changed in place.
        nrg: (height, width, 3), of the tile.
        valid: (height, width) bool, where it holds imagery.
    """
    brightest = np.maximum(np.maximum(nrg[..., 0], nrg[..., 1]), nrg[..., 2])  # max(axis=2) takes ten times as long
    shown = valid & ((mosaic[3] != OPAQUE) | (brightest >= DARK))
    np.copyto(mosaic[:3], np.moveaxis(nrg, 2, 0), where=shown)
    mosaic[3][valid] = OPAQUE


def _ranks(flood_labels: Collection[int]) -> UInt8Array:
    """By label: what wins over what."""
    ranks = np.ones(NO_DATA + 1, np.uint8)  # not assessed: ignored, or flood under cloud that does not count
    ranks[OTHER] = 2
    ranks[NO_DATA] = 0
    best = len(LABELS) + 1
    for label, rank in ((FLOOD, best), (FLOOD_UNDER_CLOUD, best - 1)):
        if label in flood_labels:
            ranks[label] = rank
    return ranks
