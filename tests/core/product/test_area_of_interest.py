"""Which frames an area of interest needs, and what is odd about given areas."""

from collections.abc import Sequence

import numpy as np
import pytest
import shapely
from cut_scenes import MGA
from given_scenes import given, moved

from tasks.core.errors import UnusableArgument
from tasks.core.geo.grid import Grid
from tasks.core.geo.reprojection import is_ballpark
from tasks.core.given_areas.given_areas import GivenArea, GivenAreas
from tasks.core.product.area_of_interest import doubts, frames_outside
from tasks.core.tiles.tile import Tile


def _tile(name: str, west: float, crs: str = MGA) -> Tile:
    grid = Grid(100, 100, (1.0, 0.0, west, 0.0, -1.0, 6_000_100.0), crs)
    return Tile(name, f"/data/{name}", 1, "0", grid=grid)


UNPLACED = Tile("unplaced.jp2", "/data/unplaced.jp2", 1, "0", problem="no CRS")
ROW = [_tile("a.jp2", 500_000), _tile("b.jp2", 500_100), _tile("c.jp2", 500_200), UNPLACED]


def _interest(west: float, east: float, crs: str = MGA) -> GivenArea:
    box = np.array([shapely.box(west, 6_000_010, east, 6_000_020)], np.object_)
    return given(moved(box, MGA, crs), "area_of_interest", crs)


@pytest.mark.parametrize(
    ("west", "east", "outside"),
    [
        (500_050, 500_060, {"b.jp2", "c.jp2"}),
        (500_050, 500_150, {"c.jp2"}),
        (500_000, 500_300, set()),
        (500_100, 500_200, {"a.jp2", "c.jp2"}),
    ],
)
@pytest.mark.parametrize("crs", [MGA, "EPSG:7844"])
def test_frames_without_ground_in_the_area_are_outside(west: float, east: float, outside: set[str], crs: str) -> None:
    """A shared edge is no shared ground; a frame whose place is not known is never outside."""
    inset = 0.0 if crs == MGA else 0.05
    assert frames_outside(ROW, _interest(west + inset, east - inset, crs)) == outside


def test_frames_of_another_zone_are_asked_in_their_own() -> None:
    """The same ground is found in both zones, and what lies elsewhere in one is outside."""
    (place,) = moved(np.array([shapely.Point(500_050, 6_000_050)], np.object_), MGA, "EPSG:7856")
    there = Grid(100, 100, (1.0, 0.0, place.x - 50, 0.0, -1.0, place.y + 50), "EPSG:7856")
    tiles = [ROW[0], Tile("d.jp2", "/data/d.jp2", 1, "0", grid=there), _tile("e.jp2", 500_000, "EPSG:7856")]
    assert frames_outside(tiles, _interest(500_040, 500_060)) == {"e.jp2"}


def test_an_area_that_no_frame_shows_is_refused() -> None:
    """Before anything is fetched; where no place is known at all, nobody can tell."""
    with pytest.raises(UnusableArgument, match=r"area_of_interest.gpkg: no frame .*EPSG:7855"):
        frames_outside(ROW, _interest(400_000, 400_100))
    assert frames_outside([UNPLACED], _interest(0, 1)) == frozenset()


def _doubts(area: GivenArea, tiles: Sequence[Tile] = ROW) -> list[str]:
    return doubts(tiles, GivenAreas(area))


def test_what_is_odd_is_said() -> None:
    """Normal water far from the frames, features that are no polygons, and a CRS whose datum is only guessed at."""
    far, near = (given([shapely.box(west, 6_000_000, west + 5, 6_000_050)], "normal_water") for west in (0, 500_050))
    assert _doubts(near) == []
    assert _doubts(far) == ["normal_water.gpkg: normal_water touches none of the frames. Is it the right file?"]
    some = GivenArea("normal_water", "w.gpkg", "0", near.polygons, near.crs, near.reasons, 3)
    assert _doubts(some) == ["w.gpkg: 3 features of normal_water are no polygons and were left out"]


def test_a_datum_that_is_only_guessed_at_is_said() -> None:
    """Without PROJ's grids NAD27 is taken for NAD83, and both CRSs are named; with them there is nothing to say."""
    grid = Grid(100, 100, (1.0, 0.0, 485_900.0, 0.0, -1.0, 5_209_247.0), "EPSG:26914")
    old = given([shapely.box(-100, 46, -98, 48)], "normal_water", "EPSG:4267")
    said = _doubts(old, [Tile("a.jp2", "/a.jp2", 1, "0", grid=grid)])
    assert len(said) == is_ballpark("EPSG:4267", "EPSG:26914")
    assert all("EPSG:4267" in one and "EPSG:26914" in one for one in said)
