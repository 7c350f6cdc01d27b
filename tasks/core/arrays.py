"""Arrays by what they hold; shapes stand where an array is given or taken."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
ObjectArray = NDArray[np.object_]
"""Geometries (or None), or texts."""

Float32Array = NDArray[np.float32]
Int32Array = NDArray[np.int32]
"""What OpenCV takes for points, and gives for labels of connected components."""

UInt8Array = NDArray[np.uint8]
"""Imagery and other pictures."""

LabelArray = NDArray[np.uint8]
"""(height, width): 0 other, 1 flood, 2 flood with cloud."""

BoolMask = NDArray[np.bool_]
"""(height, width): True means yes."""
