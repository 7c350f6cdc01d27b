"""Alpha that hides ground where no padding is: holes, imagery underneath, values that are neither 0 nor 255."""

import cv2
import numpy as np

from tasks.core.arrays import BoolMask, UInt8Array
from tasks.core.imagery.padding import LARGE_SHARE, NEIGHBOURS, RINGING_PX, textured, touching_border


def alpha_warnings(nrg: UInt8Array, valid: BoolMask, unclear_share: float, name: str) -> tuple[str, ...]:
    """What a person should look at, for a run's record: ground that alpha takes away though it may have been seen.

    Padding that alpha hides lies at the border, is one flat colour, and its alpha is 0. What is otherwise is a mask
    that somebody drew, or a damaged band.

    Args:
        nrg: uint8 (height, width, 3).
        valid: bool (height, width), True where alpha says that ground was observed.
        unclear_share: Share of alpha that is neither near 0 nor near 255.
        name: The tile's file, for messages.
    """
    if not valid.any():
        return (f"{name}: alpha leaves no pixel of it valid",)
    invalid = f"{float((~valid).mean()):.1%} of it is invalid and counts as not observed"
    inside = inside_share(~valid)
    found = []
    if inside > LARGE_SHARE:
        found.append(f"leaves holes in the middle of it ({inside:.1%}, not connected to its border)")
    if _hides_imagery(nrg, valid):
        found.append("hides imagery, where padding would be flat")
    if unclear_share > LARGE_SHARE:
        found.append(f"is neither 0 nor 255 on {unclear_share:.1%} of it, as if damaged")
    return tuple(f"{name}: alpha {what}: {invalid}. Look at it" for what in found)


def inside_share(mask: BoolMask) -> float:
    """The share of a tile that a mask takes without being connected to the tile's border."""
    components = np.asarray(cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)[1], np.int32)
    return float((mask & ~np.isin(components, touching_border(components))).mean())


def _hides_imagery(nrg: UInt8Array, valid: BoolMask) -> bool:
    """Whether much of what is invalid has texture, where neither imagery nor its ringing reach into it."""
    if float((~valid).mean()) <= LARGE_SHARE:
        return False
    away = cv2.erode((~valid).astype(np.uint8), NEIGHBOURS, iterations=RINGING_PX, borderValue=1)
    return float((textured(nrg) & away.astype(bool)).mean()) > LARGE_SHARE
