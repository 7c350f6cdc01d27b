"""How fine a map is."""

import pytest
from shapely import MultiPolygon

from tasks.core.geo.grid import Grid
from tasks.core.polygons.tile_extent import TileExtent
from tasks.core.product.layer import AnsweredTile, FailedTile
from tasks.core.product.layer_assembly import assemble
from tasks.core.product.mapped_pixel import mapped_pixel_m, pixel_text

NOTHING = TileExtent(MultiPolygon(), MultiPolygon(), MultiPolygon(), MultiPolygon(), 0, 0)
METRES = Grid(1000, 1000, (1.5, 0.0, 500_000.0, 0.0, -1.5, 6_000_000.0), "EPSG:7855")
TURNED = Grid(1000, 1000, (0.0, 2.0, 500_000.0, 2.0, 0.0, 6_000_000.0), "EPSG:7855")
DEGREES = Grid(1000, 1000, (1e-5, 0.0, 147.0, 0.0, -1e-5, 0.005), "EPSG:7844")


def tile(grid: Grid) -> AnsweredTile:
    return AnsweredTile(f"{grid.transform}.jp2", grid, NOTHING, 1.0)


@pytest.mark.parametrize(
    ("grids", "sides", "text"),
    [
        ([METRES], (1.5, 1.5), "1.5 m"),
        ([METRES, TURNED], (1.5, 2.0), "1.5 to 2 m"),
        ([DEGREES], (1.109, 1.109), "1.11 m"),
        ([], None, ""),
    ],
)
def test_the_mapped_pixel_is_that_of_the_ground(
    grids: list[Grid], sides: tuple[float, float] | None, text: str
) -> None:
    """In any CRS and any direction, in metres on the ellipsoid: at the equator 1e-5 degrees are 1.11 m by 1.11 m."""
    layers = assemble([tile(grid) for grid in grids], [FailedTile("bad.jp2", "prepare", "?", 0.0)], 0.0)
    found = mapped_pixel_m(layers)
    assert found == (sides and pytest.approx(sides, rel=1e-3))
    assert pixel_text(found) == (text if found else "")
