"""Scoring a written product against a vector file of reference polygons."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyogrio
import pyogrio.raw
import shapely
from pyogrio.errors import DataLayerError, DataSourceError
from shapely.errors import GEOSException
from shapely.geometry.base import BaseGeometry

from tasks.core.arrays import ObjectArray
from tasks.core.errors import UnusableArgument
from tasks.core.formats.geopackage import GEOPACKAGE
from tasks.core.formats.layer_titles import split_name
from tasks.core.formats.sqlite_copies import lockable
from tasks.core.formats.vector_files import gdal_options
from tasks.core.geo.crs import crs_name
from tasks.core.scoring.displacement import displacement
from tasks.core.scoring.score_dates import differ, flight_dates, reference_dates
from tasks.core.scoring.scored_product import Assessment
from tasks.core.scoring.scoring import Regions, Score, regions_of

# GDAL would leave an .aux.xml beside what it reads.
ONLY_READ = {"GDAL_PAM_ENABLED": "NO"}
SHAPEFILE = ".shp"
# Of a shapefile whose index is missing; GDAL would write a new one beside it.
NO_INDEX = "SHAPE_RESTORE_SHX"
OTHER_LAYERS = ("area_observed", "not_assessed", "tiles")
# Files of a product that hold no layers.
BESIDE = (".zip", ".json", ".md", ".png")
AREAL = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON, shapely.GeometryType.GEOMETRYCOLLECTION)


@dataclass(frozen=True)
class Polygons:
    """A layer of a vector file.

    Attributes:
        geometries: (n,) array of geometries; None where a feature has none.
        crs: Its name, as ``crs_name`` has it.
        layer: Its name in the file.
        columns: Values of its fields by name; empty where they were not asked for.
    """

    geometries: ObjectArray
    crs: str
    layer: str
    columns: dict[str, npt.NDArray[Any]]


class Compared(NamedTuple):
    """What of a product and a reference is compared, and their CRS; and the ground of each answered tile, by its id."""

    regions: Regions
    crs: str
    tiles: Mapping[str, BaseGeometry]


def score_product(product: Path, reference: Path) -> Score:
    """The areas of ``assess`` alone."""
    compared = read_both(product, reference)
    return compared.regions.score(compared.crs)


def assess(product: Path, reference: Path) -> Assessment:
    """Compare a product with reference polygons, overall and by tile; arguments and errors are ``read_both``'s."""
    regions, crs, tiles = read_both(product, reference)
    return Assessment(regions.score(crs), displacement(regions, crs), regions.scores(tiles, crs), regions, crs)


def read_both(product: Path, reference: Path) -> Compared:
    """Read a product's joined extent and reference polygons, within the area that the product observed.

    Args:
        product: Its folder, or one of its files. Of several CRSs the layers in the reference's are compared.
        reference: Any vector file that GDAL reads; its first layer of polygons counts.

    Raises:
        UnusableArgument: A file cannot be read, or no layer of the product has the reference's CRS.
    """
    package, shapefile = package_of(product)
    with gdal_options(ONLY_READ), lockable(package) as mapped, lockable(reference) as known:
        expected = read_polygons(known)
        _check_polygons(expected, reference)
        extent = _of_crs(mapped, "flood_extent", expected.crs, reference, shapefile)
        observed = _of_crs(mapped, "area_observed", expected.crs, reference)
        tiles = _answered_tiles(mapped, expected.crs)
    return Compared(regions_of(extent.geometries, expected.geometries, observed.geometries), expected.crs, tiles)


def _answered_tiles(package: Path, crs: str) -> dict[str, BaseGeometry]:
    """What each answered tile observed in this CRS, by its id; none where the product is there as shapefiles alone."""
    found: dict[str, BaseGeometry] = {}
    for name in (str(name) for name, _ in pyogrio.list_layers(package)):
        if split_name(name)[0] == "tiles":
            tiles = read_polygons(package, name, fields=True)
            states = tiles.columns.get("state", np.full(len(tiles.geometries), "done", np.object_))
            rows = zip(tiles.columns["tile"], states, tiles.geometries, strict=True)
            answered = {str(tile): ground for tile, state, ground in rows if state == "done" and ground is not None}
            found |= answered if tiles.crs == crs else {}
    return found


def other_date(product: Path, reference: Path) -> str | None:
    """A sentence where frames and reference name different dates; None where they do not, or one names none."""
    package = package_of(product)[0]
    with gdal_options(ONLY_READ), lockable(package) as mapped, lockable(reference) as known:
        expected = read_polygons(known, fields=True)
        tiles = _tiles(mapped)
    folder = product if product.is_dir() else product.parent
    flown, of = (
        flight_dates(tiles, folder.absolute().name),
        reference_dates(reference, expected.layer, expected.columns),
    )
    if not differ(flown, of):
        return None
    return (
        f"the frames are of {', '.join(sorted(flown))}, the reference of {', '.join(sorted(of))}, as their names and "
        "fields say: flood of another date is no truth for this map. Compare with a reference of the same date"
    )


def _tiles(package: Path) -> list[str]:
    """Ids of a product's tiles; none where it is there as shapefiles alone."""
    layers = [str(name) for name, _ in pyogrio.list_layers(package) if split_name(str(name))[0] == "tiles"]
    tables = [pyogrio.raw.read(package, layer=name, columns=["tile"], read_geometry=False)[3] for name in layers]
    return [str(tile) for columns in tables for column in columns for tile in column]


def package_of(product: Path) -> tuple[Path, str | None]:
    """What GDAL opens for a product, and the layer of the extent where that is named: a shapefile may be edited.

    That is its GeoPackage; of a shapefile, and where there is no GeoPackage, the folder with all its shapefiles.
    """
    if product.suffix.lower() == SHAPEFILE:
        return product.parent, None if split_name(product.stem)[0] in OTHER_LAYERS else product.stem
    if not product.is_dir() and not (product.suffix.lower() in BESIDE and product.is_file()):
        return product, None
    folder = product if product.is_dir() else product.parent
    has_shapefiles = (folder / f"flood_extent{SHAPEFILE}").exists()
    return (folder if has_shapefiles and not (folder / GEOPACKAGE).exists() else folder / GEOPACKAGE), None


def read_polygons(path: Path, layer: str | None = None, *, fields: bool = False) -> Polygons:
    """A layer, the first with polygons where none is named.

    Raises:
        UnusableArgument: It cannot be read, or has no CRS.
    """
    try:
        layer = _first_of_polygons(path) if layer is None else layer
        meta, _, found, values = pyogrio.raw.read(path, layer=layer, columns=None if fields else [])
        geometries = np.asarray(shapely.from_wkb(found), np.object_)
    except (DataSourceError, DataLayerError, GEOSException) as error:
        raise UnusableArgument(f"{path}: {_unreadable(str(error))}") from error
    name = crs_name(meta["crs"]) if meta["crs"] else None
    if name is None:
        raise UnusableArgument(
            f"{path}: has no CRS. Assign the one that its coordinates are in; a shapefile has it in its .prj"
        )
    return Polygons(geometries, name, layer, dict(zip(meta["fields"].tolist(), values, strict=True)))


def _first_of_polygons(path: Path) -> str:
    layers = [(str(name), str(kind)) for name, kind in pyogrio.list_layers(path)]
    return next((name for name, kind in layers if "Polygon" in kind), layers[0][0] if layers else "")


def _unreadable(reason: str) -> str:
    """What to do about a file that GDAL does not open."""
    if NO_INDEX in reason:
        return "its .shx is missing. Copy all parts of the shapefile: .shp, .shx, .dbf and .prj"
    if "No such file" in reason:
        return "does not exist. Check the name"
    return "is no vector file that GDAL reads. Give polygons, as GeoPackage, shapefile, GeoJSON or in another format"


def _check_polygons(found: Polygons, path: Path) -> None:
    """Refuse points and lines, whose area is zero: nothing would be found to be right."""
    kinds = shapely.get_type_id(found.geometries[~shapely.is_missing(found.geometries)])
    if len(kinds) and not np.isin(kinds, AREAL).any():
        raise UnusableArgument(f"{path}: its layer {found.layer} has no polygons. Give the flood as polygons")


def _of_crs(package: Path, base: str, crs: str, reference: Path, named: str | None = None) -> Polygons:
    """The layer of a product that is in this CRS.

    Args:
        package: The product as GDAL opens it.
        base: The layer's name without the suffix of its CRS.
        crs: Of the reference.
        reference: Named in the message.
        named: The layer's whole name, where a person gave it.
    """
    found = layers_of(package, base, package, named)
    fitting = [one for one in found if one.crs == crs]
    if not fitting:
        raise UnusableArgument(
            f"{reference}: is in {crs}, the product in {', '.join(one.crs for one in found)}. Nothing is reprojected "
            "silently: reproject the reference, with a GIS or: "
            f"ogr2ogr -t_srs {found[0].crs} reprojected.gpkg {reference}"
        )
    return fitting[0]


def layers_of(package: Path, base: str, product: Path, named: str | None = None) -> list[Polygons]:
    """The layers of a product that are called ``base``, with the suffix of a CRS or without; ``named`` as above.

    Raises:
        UnusableArgument: There are none; ``product`` is what the message says that of.
    """
    try:
        layers = [str(name) for name, _ in pyogrio.list_layers(package)]
    except DataSourceError as error:
        raise UnusableArgument(f"{product}: {_no_product(str(error), base)}") from error
    chosen = [name for name in layers if name == (named or name) and (named or split_name(name)[0] == base)]
    if not chosen:
        raise UnusableArgument(f"{product}: {_no_product('', named or base)}")
    return [read_polygons(package, name) for name in chosen]


def _no_product(reason: str, layer: str) -> str:
    what = "does not exist" if "No such file" in reason else f"is no product of ours, for it has no layer {layer}"
    return f"{what}. Give the folder that a run has written, with all that is in it"
