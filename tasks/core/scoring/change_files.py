"""Two products compared: read from their files, written as layers, picture and summary."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from tasks.core.errors import UnusableArgument
from tasks.core.formats.geopackage import write_geopackage
from tasks.core.formats.sqlite_copies import lockable
from tasks.core.formats.vector_files import gdal_options
from tasks.core.geo.areas import ellipsoidal_area_m2
from tasks.core.overview.class_picture import draw_classes
from tasks.core.overview.map_page import Colour
from tasks.core.product.layer import Column, Layer
from tasks.core.product.layer_assembly import layer_suffixes
from tasks.core.scoring.change import CLASSES, FIRST_ALONE, GAINED, KEPT, LOST, SECOND_ALONE, Change, Mapped, change
from tasks.core.scoring.score_files import ONLY_READ, layers_of, package_of
from tasks.core.scoring.scoring import dissolved

STEM = "change"  # of the files: layers, summary, picture
# BGR. What is new stands out, what went is like wet ground, what one map alone shows is pale.
COLOURS: dict[str, Colour] = {
    KEPT: (190, 120, 40),
    GAINED: (40, 40, 210),
    LOST: (60, 170, 230),
    FIRST_ALONE: (225, 190, 150),
    SECOND_ALONE: (170, 170, 240),
}
NOTHING = Mapped(shapely.Polygon(), shapely.Polygon())
MEASURES = (*CLASSES, "first", "second", "peak")


@dataclass(frozen=True)
class ComparedProducts:
    """Two products, the first the earlier one.

    Attributes:
        names: Of the products.
        changes: One a CRS.
    """

    names: tuple[str, str]
    changes: tuple[Change, ...]

    def square_metres(self) -> dict[str, float]:
        """As those of ``Change``, over all CRSs."""
        areas = [one.square_metres() for one in self.changes]
        return {name: sum(area[name] for area in areas) for name in MEASURES}

    def layers(self) -> list[Layer]:
        """``change``, a row a class, and ``peak``, a row a connected part; a CRS each."""
        suffixes = layer_suffixes([one.crs for one in self.changes])
        return [layer for one in self.changes for layer in _layers(one, suffixes[one.crs])]


def names_of(products: Sequence[Path], places: Sequence[str]) -> list[str]:
    """What products are called: their folders' names, or where people know them to be, where two have one name."""
    names = [(one if one.is_dir() else one.parent).absolute().name for one in products]
    return names if len(set(names)) == len(names) else list(places)


def changes(earlier: Mapping[str, Mapped], later: Mapping[str, Mapped], places: tuple[str, str]) -> tuple[Change, ...]:
    """What became of the flood in each CRS that either of two products has.

    Raises:
        UnusableArgument: They have no CRS in common.
    """
    if not earlier.keys() & later.keys():
        raise UnusableArgument(
            f"{places[1]}: is in {', '.join(sorted(later))}, {places[0]} in {', '.join(sorted(earlier))}. Nothing is "
            "reprojected silently: map both from frames of one CRS"
        )
    both = sorted(earlier.keys() | later.keys())
    return tuple(change(earlier.get(crs, NOTHING), later.get(crs, NOTHING), crs) for crs in both)


def mapped(product: Path) -> dict[str, Mapped]:
    """What a product maps, by CRS."""
    package, _ = package_of(product)
    with gdal_options(ONLY_READ), lockable(package) as file:
        flood, observed = (_by_crs(file, base, product) for base in ("flood_extent", "area_observed"))
    return {crs: Mapped(flood[crs], observed.get(crs, NOTHING.observed)) for crs in flood}


def _by_crs(package: Path, base: str, product: Path) -> dict[str, BaseGeometry]:
    found = layers_of(package, base, product)
    return {one.crs: dissolved(one.geometries[~shapely.is_missing(one.geometries)]) for one in found}


def _layers(found: Change, suffix: str) -> Sequence[Layer]:
    parts, areas = shapely.get_parts(found.peak), found.square_metres()
    columns: dict[str, Column] = {
        "class": np.array(CLASSES, np.object_),
        "area_m2": np.array([areas[name] for name in CLASSES]),
    }
    peak: dict[str, Column] = {"area_m2": ellipsoidal_area_m2(parts, found.crs)}
    return [
        Layer("change", "MultiPolygon", found.crs, found.areas, columns, suffix),
        Layer("peak", "Polygon", found.crs, parts, peak, suffix),
    ]


def change_layers(before: Sequence[Layer], after: Sequence[Layer]) -> list[Layer]:
    """``change``, a CRS each, between two releases of one product: what both, the later and the earlier alone have."""
    later = {layer.suffix: layer for layer in after if layer.base == "flood_extent"}
    seen = {layer.suffix: dissolved(layer.geometries) for layer in after if layer.base == "area_observed"}
    found = []
    for layer in before:
        if layer.base == "flood_extent" and layer.suffix in later:
            ground = seen[layer.suffix]
            first, second = (Mapped(dissolved(one.geometries), ground) for one in (layer, later[layer.suffix]))
            found.append(_layers(change(first, second, str(layer.crs)), layer.suffix)[0])
    return found


def write_change(compared: ComparedProducts, folder: Path, stem: str = STEM) -> list[str]:
    """Write layers, summary and the picture of the CRS with most ground; files of these names are replaced.

    Args:
        compared: The two products.
        folder: Made where it is not there.
        stem: Of the files' names.

    Returns:
        Names of the files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    first, second = compared.names
    title, (layers, summary, picture) = f"{first} to {second}", (f"{stem}{end}" for end in (".gpkg", ".json", ".png"))
    write_geopackage(compared.layers(), folder / layers, title=title)
    rounded = {f"{name}_m2": round(value, 2) for name, value in compared.square_metres().items()}
    (folder / summary).write_text(json.dumps({"products": [first, second], **rounded}, indent=2) + "\n")
    shown = max(compared.changes, key=lambda one: one.ground.area)
    areas = zip(CLASSES, shown.areas, strict=True)
    classes = {name.replace("_", " "): (area, COLOURS[name]) for name, area in areas}
    notes = [f"first: {first}; second: {second}. Ground that one of them did not see is neither gained nor lost."]
    (folder / picture).write_bytes(draw_classes(shown.ground, classes, shown.crs, title, notes))
    return [layers, summary, picture]
