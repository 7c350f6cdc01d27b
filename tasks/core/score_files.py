"""Scoring a written product against a vector file of reference polygons."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyogrio
import pyogrio.raw
import shapely
from pyogrio.errors import DataLayerError, DataSourceError

from tasks.core.crs import crs_name
from tasks.core.errors import UnusableArgument
from tasks.core.lockable_copies import lockable
from tasks.core.product_files import GEOPACKAGE, split_name
from tasks.core.scoring import Score, score
from tasks.core.vector_files import gdal_options

ObjectArray = npt.NDArray[np.object_]

# GDAL would leave an .aux.xml beside what it reads.
ONLY_READ = {"GDAL_PAM_ENABLED": "NO"}


def score_product(product: Path, reference: Path) -> Score:
    """Compare a product's joined extent with reference polygons, within the area that the product observed.

    Args:
        product: Its folder, or its ``flood_extent.gpkg``. Of several CRSs the layers in the reference's are compared.
        reference: Any vector file that GDAL reads; its first layer counts.

    Raises:
        UnusableArgument: A file cannot be read, or no layer of the product has the reference's CRS.
    """
    package = product / GEOPACKAGE if product.is_dir() else product
    with gdal_options(ONLY_READ), lockable(package) as mapped, lockable(reference) as known:
        expected, crs = read_polygons(known)
        suffix = _suffix_with(mapped, crs, reference)
        extent, observed = (read_polygons(mapped, base + suffix)[0] for base in ("flood_extent", "area_observed"))
    return score(extent, expected, observed, crs)


def read_polygons(path: Path, layer: str | None = None) -> tuple[ObjectArray, str]:
    """The geometries and the CRS of a layer, the first where none is named.

    Raises:
        UnusableArgument: It cannot be read, or has no CRS.
    """
    try:
        layer = str(pyogrio.list_layers(path)[0][0]) if layer is None else layer
        meta, _, geometries, _ = pyogrio.raw.read(path, layer=layer, columns=[])
    except (DataSourceError, DataLayerError) as error:
        raise UnusableArgument(f"{path}: cannot be read as a vector file: {error}") from error
    name = crs_name(meta["crs"]) if meta["crs"] else None
    if name is None:
        raise UnusableArgument(f"{path}: has no CRS. Assign the one that its coordinates are in")
    return np.asarray(shapely.from_wkb(geometries), np.object_), name


def _suffix_with(package: Path, crs: str, reference: Path) -> str:
    """What follows the layer names of the product's part that is in this CRS."""
    try:
        layers = [str(name) for name, _ in pyogrio.list_layers(package)]
    except DataSourceError as error:
        raise UnusableArgument(f"{package}: is no product of ours: {error}") from error
    found = {}
    for name in layers:
        base, suffix = split_name(name)
        if base == "flood_extent":
            found[read_polygons(package, name)[1]] = suffix
    if crs not in found:
        raise UnusableArgument(
            f"{reference}: is in {crs}, the product in {', '.join(found) or 'none'}. Nothing is reprojected silently: "
            "reproject the reference"
        )
    return found[crs]
