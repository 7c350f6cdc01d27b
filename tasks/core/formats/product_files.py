"""The product's vector files, in every format that it is written in.

The same layers and the same time give the same bytes.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tasks.core.formats import geopackage, product_shapefiles
from tasks.core.formats.format import Settings
from tasks.core.formats.shapefiles import LIMIT_BYTES
from tasks.core.product.layer import Layer

# In the order in which they are written and listed.
FORMATS = (geopackage.FORMAT, product_shapefiles.FORMAT)


def write_layers(
    layers: Sequence[Layer],
    folder: Path,
    *,
    title: str = "Flood extent",
    limit_bytes: int = LIMIT_BYTES,
    made: datetime | None = None,
) -> tuple[str, ...]:
    """Write ``flood_extent.gpkg``, the shapefiles of the whole, and ``tiles/<tile>.shp`` for every answered tile.

    A tile that failed or was dropped gets none: an empty file would say that there is no flood.

    Args:
        layers: As ``layers.assemble`` gives them; their order is the order in the GeoPackage.
        folder: The product's folder; made where it is not there.
        title: Of the GeoPackage, as GIS programs show it.
        limit_bytes: Largest shapefile; one that would be larger is left out with a warning that says so.
        made: Of the run, UTC: ``last_change`` of the GeoPackage, and date of the shapefiles. The clock where None.

    Returns:
        Warnings for a person, one for each shapefile left out.

    Raises:
        StorageFull: No space left.
        FinalError: GDAL could not write a file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = Settings(title, datetime.now(UTC) if made is None else made, limit_bytes)
    return tuple(warning for format_ in FORMATS for warning in format_.write(layers, folder, settings))


def main_files(files: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Of the paths below a product's folder those that a person opens, the most wanted first, each with what it is."""
    for format_ in FORMATS:
        yield from format_.main_files(files)


def tile_files(files: Sequence[str]) -> Iterator[tuple[int, str]]:
    """How many files of single tiles there are in a format, and what they are called; formats without any left out."""
    for ending, plural in (format_.tile_files for format_ in FORMATS if format_.tile_files is not None):
        count = sum(name.startswith("tiles/") and name.endswith(ending) for name in files)
        if count:
            yield count, plural


def to_open() -> list[str]:
    """The files that are named in the terminal after a run."""
    return [format_.to_open for format_ in FORMATS if format_.to_open is not None]
