"""A tile: one image of the dataset, as it was listed."""

from dataclasses import dataclass

from tasks.core.geo.grid import Grid
from tasks.core.record import Record


@dataclass(frozen=True, slots=True)
class Tile(Record):
    """One image of the dataset, as listed and as its header describes it.

    Attributes:
        id: Path below the dataset, ``/``-separated, extension kept.
        uri: Where the image is: an absolute local path or ``s3://bucket/key``.
        size_bytes: Of the image alone.
        content_hash: Changes when the image does; sidecars have no part in it.
        sidecars: URIs of ``.j2w``, ``.wld``, ``.aux.xml`` files that belong to it: what they say is in grid and nodata.
        bands: Number of bands, where the header could be read.
        grid: Full-resolution grid, where header and georeference could be read.
        problem: What the header probe found wrong, for a person; None where nothing.
        nodata: Near infrared, red, green of what metadata declare as NoData; None where they do not.
        captured: What its metadata say of when it was taken; None where they say nothing.
        sensor: Likewise, what took it.
    """

    id: str
    uri: str
    size_bytes: int
    content_hash: str
    sidecars: tuple[str, ...] = ()
    bands: int | None = None
    grid: Grid | None = None
    problem: str | None = None
    nodata: tuple[int, int, int] | None = None
    captured: str | None = None
    sensor: str | None = None

    def __post_init__(self) -> None:
        if not self.id or self.id.startswith("/") or ".." in self.id.split("/"):
            raise ValueError(f"a tile id is a path below the dataset, not {self.id!r}")
        if self.problem is None and self.grid is None:
            raise ValueError(f"tile {self.id}: neither a grid nor a problem")
