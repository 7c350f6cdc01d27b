"""The product's vector files, in the formats that were asked for.

The same layers and the same time give the same bytes, but for the File Geodatabase, which gets new random identifiers
each time it is written.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from tasks.core.errors import UnusableArgument
from tasks.core.formats import file_geodatabase, flatgeobuf, geopackage, geoparquet, product_shapefiles, tables_workbook
from tasks.core.formats.format import Format
from tasks.core.formats.web import geojson, web_map
from tasks.core.product.layer import Layer

GPKG = "gpkg"  # always written: scores, comparisons and releases read it

# By the names that people give, in the order in which they are written and listed.
FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        GPKG: geopackage.FORMAT,
        "shp": product_shapefiles.FORMAT,
        "fgb": flatgeobuf.FORMAT,
        "gdb": file_geodatabase.FORMAT,
        "pmtiles": web_map.FORMAT,
        "geojson": geojson.FORMAT,
        "xlsx": tables_workbook.FORMAT,
        "parquet": geoparquet.FORMAT,
    }
)
DEFAULT_FORMATS = (GPKG, "shp")


def check_formats(formats: Collection[str]) -> None:
    """Check before a run that it will be able to write its product.

    Raises:
        UnusableArgument: A name is not one of ``FORMATS``, or a package that the format needs is not installed.
    """
    for name in formats:
        if name not in FORMATS:
            raise UnusableArgument(f"`formats` {name!r} is not a format. There are {', '.join(FORMATS)}")
        package, extra = FORMATS[name].package, FORMATS[name].extra
        if package is not None and find_spec(package) is None:
            raise UnusableArgument(
                f'`formats` {name} needs the package {package}, of the extra "{extra}": '
                f'pip install "flood-extent[{extra}]"'
            )


def write_layers(
    layers: Sequence[Layer],
    folder: Path,
    *,
    made: datetime | None = None,
    formats: Collection[str] = DEFAULT_FORMATS,
) -> tuple[str, ...]:
    """Write the product's layers in each format; ``flood_extent.gpkg`` always.

    As shapefiles there is ``tiles/<tile>.shp`` for every answered tile, too. A tile that failed or was dropped gets
    none: an empty file would say that there is no flood.

    Args:
        layers: As ``layers.assemble`` gives them; their order is the order in the files.
        folder: The product's folder; made where it is not there.
        made: Of the run, UTC: ``last_change`` of the GeoPackage, and date of the shapefiles. The clock where None.
        formats: Names of ``FORMATS``.

    Returns:
        Warnings for a person: what was left out of which file, and how coordinates were shifted for the web.

    Raises:
        UnusableArgument: As ``check_formats``.
        StorageFull: No space left.
        FinalError: A file could not be written.
    """
    check_formats(formats)
    folder.mkdir(parents=True, exist_ok=True)
    made = datetime.now(UTC) if made is None else made
    wanted = [format_ for name, format_ in FORMATS.items() if name == GPKG or name in formats]
    warnings = [warning for format_ in wanted for warning in format_.write(layers, folder, made)]
    return tuple(dict.fromkeys(warnings))


def tile_files(files: Sequence[str]) -> Iterator[tuple[int, str]]:
    """How many files of single tiles there are in a format, and what they are called; formats without any left out."""
    for ending, plural in (one.tile_files for one in FORMATS.values() if one.tile_files is not None):
        count = sum(name.startswith("tiles/") and name.endswith(ending) for name in files)
        if count:
            yield count, plural
