"""JPEGs as endpoints are asked with."""

import cv2
import numpy as np


def water_and_crops(width_px: int = 64, height_px: int = 48) -> bytes:
    """A scene of two halves: water on the left, crops on the right."""
    nrg = np.full((height_px, width_px, 3), (170, 80, 90), np.uint8)
    nrg[:, : width_px // 2] = (20, 60, 80)
    return cv2.imencode(".jpg", nrg[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
