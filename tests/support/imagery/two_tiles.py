"""A product of two tiles and a reference, small enough to know every figure."""

from pathlib import Path

import numpy as np
import shapely

from tasks.core.formats.geopackage import write_geopackage
from tasks.core.product.layer import Layer

CRS = "EPSG:7855"
FIGURES = "IoU 0.7500, F1 0.8571, precision 1.0000, recall 0.7500"


def box(west: float, width: float) -> shapely.Polygon:
    """A rectangle of 100 m height."""
    return shapely.box(500_000 + west, 6_600_000, 500_000 + west + width, 6_600_100)


def layer(name: str, *areas: shapely.Polygon, **columns: list[str]) -> Layer:
    """A layer of these areas, with columns of text."""
    texts = {key: np.array(values, np.object_) for key, values in columns.items()}
    return Layer(name, "Polygon", CRS, np.array(areas, np.object_), {"area_m2": np.zeros(len(areas)), **texts})


def make_two_tiles(folder: Path) -> tuple[Path, Path]:
    """The product ``town`` and the reference ``r.gpkg`` in a folder: of the flood in tile b one half was mapped."""
    (folder / "town").mkdir()
    tiles = layer("tiles", box(0, 200), box(200, 200), tile=["a", "b"], state=["done", "done"])
    layers = [layer("flood_extent", box(50, 100), box(250, 50)), layer("area_observed", box(0, 400)), tiles]
    write_geopackage(layers, folder / "town" / "flood_extent.gpkg", title="town")
    write_geopackage([layer("r", box(50, 100), box(250, 100))], folder / "r.gpkg", title="r")
    return folder / "town", folder / "r.gpkg"
