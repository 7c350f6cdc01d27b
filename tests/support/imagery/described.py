"""A small product with all that metadata can say of it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from cut_scenes import MGA, answered, grid_of

from tasks.core.metadata.resource import ProductFile, Resource
from tasks.core.product.edition import CaptureTime, Edition, Event, Origin, Phase, Source
from tasks.core.product.layer import FailedTile, Layer
from tasks.core.product.layer_assembly import assemble

MADE = datetime(2022, 3, 1, 6, 30, 15, tzinfo=UTC)
SHA = "0123456789abcdef" * 4
PREVIOUS = "fedcba9876543210" * 4
VERSIONS = {"flood-extent": "1.2.3", "gdal": "3.10.3"}


def captured(text: str) -> CaptureTime:
    """The time that a text names."""
    time = CaptureTime.in_text(text, Origin.PARAMETER)
    assert time is not None
    return time


def frame(number: int, time: str | None = "2022-02-28", state: str = "done", **facts: Any) -> Source:
    """A frame in S3, taken on a day."""
    when = None if time is None else captured(time)
    name = f"north/frame {number}.jp2"
    values = {"uri": f"s3://bucket/{name}", "content_hash": SHA, "gsd_m": 0.15, "sensor": "UltraCam Eagle", **facts}
    return Source(number, name, captured=when, phase=Phase.POST_EVENT, state=state, **values)


def edition(**changes: Any) -> Edition:
    """The second release of a product of two frames and one that failed."""
    full = Edition(
        "lismore_2022",
        "s3://bucket/north",
        Event("FL-2022-000161-AUS", "Lismore, February 2022", subtype="Riverine flood"),
        (frame(1), frame(2), frame(3, state="failed")),
        "run-1",
        "water-index",
        MADE,
        release=2,
        release_reason="North shore corrected",
        licence="CC-BY-4.0",
        attribution="© Example State",
        previous_hash=PREVIOUS,
        weaknesses=("Trees hide water.",),
    )
    return replace(full, **changes)


@cache
def layers(crs: str = MGA) -> tuple[Layer, ...]:
    """Two tiles side by side with flood, and one beside them that failed."""
    labels = np.zeros((40, 60), np.uint8)
    labels[10:20, 15:45] = 1
    grid = grid_of(labels, crs=crs)
    tiles = [answered(name, labels, replace(grid, transform=_moved(grid.transform, shift))) for name, shift in _TILES]
    lost = FailedTile("c", "predict", "no answer", 1.0, crs, tiles.pop().extent.observed)
    return tuple(assemble(tiles, [lost], 0.0))


_TILES = (("a", 0), ("b", 60), ("c", 120))


def _moved(transform: tuple[float, ...], columns: int) -> tuple[float, ...]:
    a, b, x, *rest = transform
    return (a, b, x + columns * a, *rest)


FILES = (
    "flood_extent.gpkg",
    "flood_extent.shp",
    "flood_extent.dbf",
    "flood_extent.parquet",
    "overview.png",
    "tiles/a.shp",
)


def resource(files: tuple[str, ...] = FILES, made_of: Sequence[Layer] | None = None, **changes: Any) -> Resource:
    """The product, with files that are only named."""
    named = [ProductFile(name, SHA, 1000) for name in files]
    return Resource.of(edition(**changes), layers() if made_of is None else made_of, named, VERSIONS)


def make_files(folder: Path) -> None:
    """Some of a product's files, with something in them."""
    (folder / "tiles").mkdir(parents=True)
    for name in FILES:
        (folder / name).write_bytes(name.encode())
