"""The records check themselves and survive the journey through JSON."""

import json

import pytest

from tasks.core.geo.grid import Grid
from tasks.core.tiles.tile import Tile

GRID = Grid(100, 50, (0.15, 0.0, 300000.0, 0.0, -0.15, 6600000.0), "EPSG:7855")


def test_a_resized_grid_keeps_its_outer_corners() -> None:
    """Resizing changes the number of pixels, never the ground that they cover."""
    resized = GRID.resized(33, 7)
    assert sum(resized.corners, ()) == pytest.approx(sum(GRID.corners, ()))
    assert resized.pixel_area * 33 * 7 == pytest.approx(GRID.pixel_area * 100 * 50)


def test_a_rotated_grid_knows_its_pixel_area() -> None:
    """Rotation swaps the terms of the transform but not the area of a pixel."""
    rotated = Grid(10, 10, (0.0, 2.0, 0.0, 3.0, 0.0, 0.0), "EPSG:7855")
    assert rotated.pixel_area == 6.0


@pytest.mark.parametrize(
    ("width_px", "transform", "crs"),
    [
        (0, GRID.transform, GRID.crs),
        (1, (0.0,) * 6, GRID.crs),
        (1, (float("nan"), *GRID.transform[1:]), GRID.crs),
        (1, GRID.transform, ""),
    ],
)
def test_an_impossible_grid_is_refused(width_px: int, transform: tuple[float, ...], crs: str) -> None:
    """A grid without pixels, area, finite terms or CRS cannot be made."""
    with pytest.raises(ValueError, match=r"\w"):
        Grid(width_px, 1, transform, crs)  # type: ignore[arg-type]


def test_a_tile_survives_json() -> None:
    """What a task returns as JSON is rebuilt into an equal record."""
    tile = Tile("north/a.jp2", "/data/north/a.jp2", 12, "abc", ("/data/north/a.j2w",), 4, GRID)
    assert Tile.from_dict(json.loads(json.dumps(tile.to_dict()))) == tile


def test_nodata_of_a_tile_survives_json_and_may_be_absent() -> None:
    """The NoData colour is rebuilt as it was; a record from before it was kept has none."""
    tile = Tile("a.jp2", "/data/a.jp2", 12, "abc", grid=GRID, nodata=(255, 0, 255))
    plain = json.loads(json.dumps(tile.to_dict()))
    assert Tile.from_dict(plain) == tile
    assert Tile.from_dict({key: value for key, value in plain.items() if key != "nodata"}).nodata is None


@pytest.mark.parametrize("tile_id", ["", "/etc/passwd", "a/../../b"])
def test_a_tile_id_stays_below_the_dataset(tile_id: str) -> None:
    """An id becomes a file name in the product, so it may not climb out of it."""
    with pytest.raises(ValueError, match="below the dataset"):
        Tile(tile_id, "/x", 0, "", problem="broken")
