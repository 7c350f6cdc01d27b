"""Fields of STAC's projection extension: in which CRS a product is, and where in it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely

from tasks.core.geo.precision import round_coordinates
from tasks.core.metadata.footprint import metres_per_unit, simplified
from tasks.core.product.layer import Layer

PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"


def crs_fields(crs: str) -> dict[str, Any]:
    """A CRS by its code, or by its WKT2 where it has none."""
    return {"proj:code": crs} if crs.startswith("EPSG:") else {"proj:code": None, "proj:wkt2": crs}


def projection_of(layers: Sequence[Layer]) -> dict[str, Any]:
    """Of a product in one CRS, with footprint and box of what was observed; of one in several, none."""
    crss = {layer.crs for layer in layers if layer.crs}
    if len(crss) != 1:
        return {}
    (crs,) = crss
    observed = [layer.geometries for layer in layers if layer.base == "area_observed" and len(layer)]
    if not observed:
        return crs_fields(crs)
    ground, _ = simplified(shapely.union_all(np.concatenate(observed)), metres_per_unit(crs))
    ground = shapely.transform(ground, lambda points: round_coordinates(points, crs))
    rings = shapely.orient_polygons(shapely.normalize(ground))
    return {**crs_fields(crs), "proj:geometry": shapely.geometry.mapping(rings), "proj:bbox": list(ground.bounds)}
