"""From samples as they are stored to near infrared, red, green: luma and chroma, and colours multiplied by alpha.

Both are done at the resolution that was decoded: what wavelets do to samples is linear, and so is the conversion.

Sources: IEC 61966-2-1 amendment 1 (sYCC: the luma and chroma of ITU-R BT.601 over the full range of 8 bits).
"""

import cv2
import numpy as np

from tasks.core.arrays import FloatArray, UInt8Array
from tasks.core.jpeg2000.channels import Channels

RED_SHARE, BLUE_SHARE = 0.299, 0.114  # of luma
GREEN_SHARE = 1 - RED_SHARE - BLUE_SHARE
RED_OF_CR, BLUE_OF_CB = 2 * (1 - RED_SHARE), 2 * (1 - BLUE_SHARE)
GREEN_OF_CR, GREEN_OF_CB = -RED_OF_CR * RED_SHARE / GREEN_SHARE, -BLUE_OF_CB * BLUE_SHARE / GREEN_SHARE
NEUTRAL = 128
OPAQUE_FROM = 128
OPAQUE = 255


def to_nrg(colours: UInt8Array, alpha: UInt8Array | None, channels: Channels) -> UInt8Array:
    """Near infrared, red, green.

    Args:
        colours: uint8 (height, width, 3) in the order of `channels`; may be changed.
        alpha: uint8 (height, width), 0 to 255; None where there is none.
        channels: What they are.
    """
    if channels.luma_chroma:
        return np.asarray(cv2.transform(colours, _from_sycc()), np.uint8)
    if channels.premultiplied and alpha is not None:
        _divide(colours, alpha)
    return colours


def _from_sycc() -> FloatArray:
    """A row an output band: factors of luma, Cb, Cr, then what is added."""
    factors = np.array([[1, 0, RED_OF_CR], [1, GREEN_OF_CB, GREEN_OF_CR], [1, BLUE_OF_CB, 0]])
    return np.column_stack([factors, -NEUTRAL * factors[:, 1:].sum(axis=1)])


def _divide(colours: UInt8Array, alpha: UInt8Array) -> None:
    """Restore colours that were multiplied by alpha, wherever a pixel counts as observed."""
    partly = (alpha >= OPAQUE_FROM) & (alpha < OPAQUE)
    colours[partly] = np.rint(colours[partly].astype(np.float32) * OPAQUE / alpha[partly][:, None]).clip(0, OPAQUE)
