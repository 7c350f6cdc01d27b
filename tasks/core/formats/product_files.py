"""The product's vector files, in every format that it is written in.

The same layers and the same time give the same bytes.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tasks.core.formats import geopackage, product_shapefiles
from tasks.core.product.layer import Layer

# In the order in which they are written and listed.
FORMATS = (geopackage.FORMAT, product_shapefiles.FORMAT)


def write_layers(layers: Sequence[Layer], folder: Path, *, made: datetime | None = None) -> tuple[str, ...]:
    """Write ``flood_extent.gpkg``, the shapefiles of the whole, and ``tiles/<tile>.shp`` for every answered tile.

    A tile that failed or was dropped gets none: an empty file would say that there is no flood.

    Args:
        layers: As ``layers.assemble`` gives them; their order is the order in the GeoPackage.
        folder: The product's folder; made where it is not there.
        made: Of the run, UTC: ``last_change`` of the GeoPackage, and date of the shapefiles. The clock where None.

    Returns:
        Warnings for a person, one for each shapefile left out.

    Raises:
        StorageFull: No space left.
        FinalError: GDAL could not write a file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = datetime.now(UTC) if made is None else made
    return tuple(warning for format_ in FORMATS for warning in format_.write(layers, folder, made))


def tile_files(files: Sequence[str]) -> Iterator[tuple[int, str]]:
    """How many files of single tiles there are in a format, and what they are called; formats without any left out."""
    for ending, plural in (format_.tile_files for format_ in FORMATS if format_.tile_files is not None):
        count = sum(name.startswith("tiles/") and name.endswith(ending) for name in files)
        if count:
            yield count, plural
