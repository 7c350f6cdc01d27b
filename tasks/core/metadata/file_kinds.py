"""What the files of a product are: media types, roles and titles, by their names.

Media types are those of IANA's register, and of pystac for formats that are not in it; roles are those of STAC 1.1's
best practices.
"""

from pathlib import PurePosixPath
from typing import NamedTuple

from pystac import MediaType

from tasks.core.formats.layer_titles import LAYERS, split_name

DATA, OVERVIEW, METADATA = ("data",), ("overview",), ("metadata",)


class FileKind(NamedTuple):
    """A kind of files.

    Attributes:
        media_type: RFC 6838.
        roles: Of STAC assets.
        format: Its name, for people.
    """

    media_type: str
    roles: tuple[str, ...]
    format: str


KINDS = {
    ".gpkg": FileKind(MediaType.GEOPACKAGE, DATA, "OGC GeoPackage"),
    ".shp": FileKind("application/vnd.shp", DATA, "ESRI Shapefile"),
    ".fgb": FileKind(MediaType.FLATGEOBUF, DATA, "FlatGeobuf"),
    ".parquet": FileKind(MediaType.VND_APACHE_PARQUET, DATA, "GeoParquet"),
    ".pmtiles": FileKind(MediaType.VND_PMTILES, (*OVERVIEW, "tiles"), "PMTiles"),
    ".geojson": FileKind(MediaType.GEOJSON, DATA, "GeoJSON (RFC 7946)"),
    ".xlsx": FileKind(
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", DATA, "Office Open XML workbook"
    ),
    ".gdb": FileKind("application/x-filegdb", DATA, "ESRI File Geodatabase"),
    ".tif": FileKind(MediaType.COG, DATA, "Cloud Optimized GeoTIFF"),
    ".png": FileKind(MediaType.PNG, OVERVIEW, "PNG"),
    ".pdf": FileKind(MediaType.PDF, OVERVIEW, "PDF"),
    ".html": FileKind(MediaType.HTML, OVERVIEW, "HTML"),
    ".md": FileKind("text/markdown", OVERVIEW, "Markdown"),
    ".json": FileKind(MediaType.JSON, METADATA, "JSON"),
    ".xml": FileKind(MediaType.XML, METADATA, "XML"),
    ".qgs": FileKind("application/x-qgis", ("style",), "QGIS project"),
    ".zip": FileKind("application/zip", DATA, "zip"),
}
OTHER = FileKind("application/octet-stream", DATA, "other")
TITLES = {
    "overview.png": "Overview map",
    "report.md": "Report",
    "report.html": "Report",
    "run.json": "Record of the run",
    "metadata.xml": "ISO 19115-3 metadata",
    "flood_extent.gpkg": "All layers",
    "flood_extent.gdb": "All layers",
    "flood_extent.pmtiles": "Web map",
    "tables.xlsx": "Tables",
}
THUMBNAIL = "overview.png"
RASTERS = "rasters"
# By the stem that the name of a raster begins with.
RASTER_TITLES = {
    "flood": "Flood mask",
    "labels": "Labels of the model",
    "confidence": "How sure the model was, percent",
    "nrg": "Imagery as the model saw it",
}
# What belongs to a file that is listed, its styles, too; and files of single tiles, which the whole holds.
PARTS = frozenset({".shx", ".dbf", ".prj", ".cpg", ".qix", ".sbn", ".sbx", ".qml", ".sld"})
GEODATABASE = ".gdb"
AUXILIARY = ".aux.xml"  # statistics that GDAL keeps beside a file
TILES = "tiles"
# Formats that keep the names of layers and columns, and hold one layer a file.
ONE_LAYER = frozenset({".fgb", ".parquet", ".geojson"})


def kind_of(path: str) -> FileKind:
    """What a file of a product is; by the ending of its name, in either case."""
    return KINDS.get(_ending(path), OTHER)


def is_main(path: str) -> bool:
    """Whether a file of a product is one that a catalogue names: no part of another, and not of a single tile."""
    is_part = _ending(path) in PARTS or path.endswith(AUXILIARY)
    return not is_part and PurePosixPath(path).parts[0] != TILES


def geodatabase_of(path: str) -> str | None:
    """The folder that is a geodatabase and holds a file; None where it is in none."""
    return next((str(folder) for folder in PurePosixPath(path).parents if folder.suffix == GEODATABASE), None)


def raster_of(path: str) -> str | None:
    """Which of the product's rasters a file is, such as ``labels``; None where it is none."""
    name = PurePosixPath(path)
    is_raster = name.parts[0] == RASTERS and name.suffix == ".tif"
    return next((base for base in RASTER_TITLES if is_raster and _is_of(base, name.stem)), None)


def roles_of(path: str) -> list[str]:
    """Of the asset that a file is."""
    return [*kind_of(path).roles, *(["thumbnail"] if path == THUMBNAIL else [])]


def title_of(path: str) -> str:
    """Of a file, for people: that of the layer that it is named after, else its name."""
    raster = raster_of(path)
    if path in TITLES:
        return TITLES[path]
    if raster is not None:
        return RASTER_TITLES[raster] + PurePosixPath(path).stem.removeprefix(raster).replace("_", " ")
    base, suffix = split_name(PurePosixPath(path).stem)
    return LAYERS[base].title + suffix.replace("_", " ") if base in LAYERS else PurePosixPath(path).name


def holds_one_layer(path: str) -> bool:
    """Whether a file holds the layer that it is named after, with its columns as they are."""
    return _ending(path) in ONE_LAYER


def _ending(path: str) -> str:
    return PurePosixPath(path).suffix.lower()


def _is_of(base: str, stem: str) -> bool:
    """Whether a stem is a base, perhaps with the suffix of a CRS."""
    return stem == base or stem.startswith(f"{base}_")
