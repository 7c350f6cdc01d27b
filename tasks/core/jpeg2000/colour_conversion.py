"""From samples as they are stored to near infrared, red, green: luma and chroma, and colours multiplied by alpha.

Both are done at the resolution that was decoded: what wavelets do to samples is linear, and so is the conversion.

Sources: IEC 61966-2-1 amendment 1 (sYCC: the luma and chroma of ITU-R BT.601 over the full range of 8 bits).
"""

import cv2
import numpy as np

from tasks.core.arrays import FloatArray, UInt8Array
from tasks.core.jpeg2000.channels import COLOURS, Channels

RED_SHARE, BLUE_SHARE = 0.299, 0.114  # of luma
GREEN_SHARE = 1 - RED_SHARE - BLUE_SHARE
RED_OF_CR, BLUE_OF_CB = 2 * (1 - RED_SHARE), 2 * (1 - BLUE_SHARE)
GREEN_OF_CR, GREEN_OF_CB = -RED_OF_CR * RED_SHARE / GREEN_SHARE, -BLUE_OF_CB * BLUE_SHARE / GREEN_SHARE
NEUTRAL = 128
OPAQUE_FROM = 128
OPAQUE = 255


def to_nrg(samples: UInt8Array, channels: Channels) -> UInt8Array:
    """Near infrared, red, green (and alpha), uint8, of samples (height, width, 3 or 4) in the order of `channels`."""
    if channels.luma_chroma:
        return np.asarray(cv2.transform(samples, _from_sycc(samples.shape[2])), np.uint8)
    return _divided_by_alpha(samples) if channels.premultiplied else samples


def _from_sycc(bands: int) -> FloatArray:
    """A row an output band: factors of luma, Cb, Cr (and alpha), then what is added."""
    matrix = np.eye(bands, bands + 1)
    matrix[:COLOURS, :COLOURS] = [[1, 0, RED_OF_CR], [1, GREEN_OF_CB, GREEN_OF_CR], [1, BLUE_OF_CB, 0]]
    matrix[:COLOURS, bands] = -NEUTRAL * matrix[:COLOURS, 1:COLOURS].sum(axis=1)
    return matrix


def _divided_by_alpha(samples: UInt8Array) -> UInt8Array:
    """The colours that were multiplied by alpha, wherever a pixel counts as observed."""
    alpha = samples[..., COLOURS]
    partly = (alpha >= OPAQUE_FROM) & (alpha < OPAQUE)
    pixels = samples[partly].astype(np.float32)
    restored = samples.copy()
    restored[partly, :COLOURS] = np.rint(pixels[:, :COLOURS] * OPAQUE / pixels[:, COLOURS:]).clip(0, OPAQUE)
    return restored
