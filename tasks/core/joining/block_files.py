"""Joined blocks in files: what all of them must tell is read at once, the polygons of each when it is its turn."""

import zipfile
from pathlib import Path

import numpy as np
import shapely

from tasks.core.arrays import ObjectArray
from tasks.core.errors import FinalError
from tasks.core.joining.axes import Frame
from tasks.core.joining.frame_joining import Axes
from tasks.core.joining.joined_blocks import JoinedBlock
from tasks.core.joining.ranks import Places


def write_block(block: JoinedBlock, path: Path) -> None:
    """Write a block as compressed NumPy arrays, ``.npz``: its polygons are WKB, one after the other."""
    axes, wkb = block.axes, shapely.to_wkb(block.read(), byte_order=1)
    with path.open("wb") as file:
        np.savez_compressed(
            file,
            crs=np.array(axes.crs),
            frame=np.array([axes.frame.across, axes.frame.down]),
            x=np.stack([axes.x.lows, axes.x.highs]),
            y=np.stack([axes.y.lows, axes.y.highs]),
            tile_bounds=block.tile_bounds,
            sizes=np.array([len(one) for one in wkb], np.int64),
            polygons=np.frombuffer(b"".join(wkb), np.uint8),
        )


def read_block(path: Path) -> JoinedBlock:
    """Read what is needed of a block beside its polygons; those come from the file each time they are asked for.

    Raises:
        FinalError: It is no such file; also when its polygons are asked for.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            across, down = arrays["frame"].tolist()
            x, y = (Places(*arrays[axis]) for axis in ("x", "y"))
            axes = Axes(Frame((across[0], across[1]), (down[0], down[1])), x, y, str(arrays["crs"]))
            return JoinedBlock(axes, arrays["tile_bounds"], lambda: _polygons(path))
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise _damaged(path, error) from error


def _polygons(path: Path) -> ObjectArray:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            ends = np.cumsum(arrays["sizes"])
            wkb = memoryview(arrays["polygons"].tobytes())
        pieces = [bytes(wkb[start:end]) for start, end in zip(np.append(0, ends[:-1]), ends, strict=False)]
        return np.asarray(shapely.from_wkb(np.array([*pieces, None], np.object_)[:-1]), np.object_)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, shapely.errors.ShapelyError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> FinalError:
    return FinalError(f"{path}: not a block of joined tiles, or damaged ({error}). Join the block's tiles again")
