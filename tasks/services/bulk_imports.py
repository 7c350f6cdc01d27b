"""Imports of a whole program, without the collector of reference cycles.

Prefect, pydantic and GDAL make two hundred thousand objects that stay. To look them through for cycles over and over is
an eighth to a fifth of what importing them takes, and to do so again, whenever as many were made since, costs the run.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def bulk_imports() -> Iterator[None]:
    """Collect nothing in the block, and what it has made never; a collector that is off stays off."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()
