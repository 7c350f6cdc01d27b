"""The places to check: lost water at a seam, tiles that differ, and nothing where all is well."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pyogrio
import pytest
import shapely
from affine import Affine
from cut_scenes import answered, blobs, grid_of, window, windows
from prairie import YEARS, prairie
from rasterio.features import rasterize

from tasks.core.arrays import BoolMask
from tasks.core.formats.geopackage import write_geopackage
from tasks.core.product.layer import AnsweredTile, FailedTile, Layer
from tasks.core.product.layer_assembly import assemble
from tasks.core.product.places import MOST
from tasks.core.product.to_check import TOLD, to_check

SIDE = 100


def _lake() -> BoolMask:
    """An ellipse over the seam of two tiles, and a pond in the first of them."""
    lake = np.zeros((SIDE, 2 * SIDE), np.uint8)
    cv2.ellipse(lake, (95, 47), (60, 30), 20, 0, 360, 1, cv2.FILLED)
    cv2.circle(lake, (20, 85), 9, 1, cv2.FILLED)
    return lake.astype(bool)


def _two(west: BoolMask, east: BoolMask, angle: float = 0.0, overlap: int = 0) -> list[AnsweredTile]:
    """Two tiles of scenes of one place, the first reaching into the second by an overlap."""
    grid = grid_of(west, angle)
    parts = [
        (name, scene[:, start:end], window(grid, 0, start, SIDE, end - start))
        for name, scene, start, end in (("west", west, 0, SIDE + overlap), ("east", east, SIDE, 2 * SIDE))
    ]
    return [answered(f"{name}.jp2", part, at) for name, part, at in parts]


def _places(tiles: list[AnsweredTile], failed: tuple[FailedTile, ...] = ()) -> Layer:
    (layer,) = (layer for layer in assemble(tiles, failed, 25.0) if layer.base == "to_check")
    return layer


def _reasons(layer: Layer) -> list[str]:
    return [str(reason) for reason in layer.columns["reason"]]


@pytest.mark.parametrize("angle", [0.0, 0.3])
def test_water_that_a_tile_lost_comes_first(angle: float) -> None:
    """Of one scene whose east tile lost its water the cut is named, with the ground on which most of it lay."""
    lake = _lake()
    tiles = _two(lake, np.zeros_like(lake), angle)
    (place,), (reason,) = _places(tiles).geometries, _reasons(_places(tiles))
    cut_px = int(lake[:, SIDE - 1].sum())
    assert reason.startswith(f"west.jp2: its flood ends at the tile's edge, in a line of {cut_px} mapped pixels; east")
    grid = tiles[1].grid
    shown = rasterize([place], (SIDE, SIDE), transform=Affine(*grid.transform)).astype(bool)
    lost = lake[:, SIDE:]
    assert (shown & lost).sum() > 0.8 * lost.sum()
    assert shown.sum() == pytest.approx(cut_px**2, rel=0.01)


@pytest.mark.parametrize("year", YEARS)
def test_a_lost_frame_of_real_lakes_comes_first(year: int) -> None:
    """Of four frames of prairie lakes one has lost its water: the first place is a cut at its edge."""
    scene = prairie(year)
    tiles = [
        answered(f"{name}.jp2", part, grid, seen)
        for name, ((part, grid), (seen, _)) in enumerate(
            zip(*(windows(one, grid_of(one), len(one) // 2, 0) for one in (scene.water, scene.valid)), strict=True)
        )
    ]
    lost = max(range(len(tiles)), key=lambda number: tiles[number].extent.flood_px)
    grid, dry = tiles[lost].grid, np.zeros((tiles[lost].grid.height_px, tiles[lost].grid.width_px))
    before, tiles[lost] = _reasons(_places(tiles)), answered(tiles[lost].id, dry, grid)
    after = _reasons(_places(tiles))
    assert f"{lost}.jp2, beyond, has none there" in after[0]
    assert len(before) < len(after)


def test_what_both_tiles_saw_alike_is_no_place() -> None:
    """A whole scene has none, cut or overlapping, and none where the ground beyond was not observed."""
    lake = _lake()
    assert _reasons(_places(_two(lake, lake))) == _reasons(_places(_two(lake, lake, 0.3, 20))) == []
    west, east = _two(lake, np.zeros_like(lake))
    failed = FailedTile(east.id, "predict", "no answer", 1.0, east.grid.crs, east.extent.observed)
    assert _reasons(_places([west], (failed,))) == []


@pytest.mark.parametrize("shift", [0.0, 0.45])
def test_an_edge_that_runs_in_steps_is_found(shift: float) -> None:
    """Where the frames' padding runs aslant, on grids that differ by part of a pixel, the cut is a staircase."""
    lake = np.ones((SIDE, 2 * SIDE), bool)
    grid = grid_of(lake)
    rows, columns = np.mgrid[:SIDE, : 2 * SIDE]
    is_west = columns < SIDE + (rows - SIDE // 2) // 9
    other = window(grid, shift, shift, *lake.shape)
    tiles = [answered("west.jp2", lake, grid, is_west), answered("east.jp2", ~lake, other, ~is_west)]
    ((reason, *_), area) = _reasons(_places(tiles)), shapely.area(_places(tiles).geometries)[0]
    assert reason.startswith("west.jp2: its flood ends at the tile's edge")
    assert area > 0.9 * (~is_west).sum() * 2.25


@pytest.mark.parametrize("angle", [0.0, 0.3])
def test_tiles_that_differ_where_they_overlap_are_named(angle: float) -> None:
    """The place is the flood of the one in the other's dry ground."""
    lake = _lake()
    layer = _places(_two(lake, np.zeros_like(lake), angle, 40))
    (number,) = (number for number, reason in enumerate(_reasons(layer)) if reason.startswith("east.jp2: no flood"))
    assert shapely.area(layer.geometries)[number] == pytest.approx(lake[:, SIDE : SIDE + 40].sum() * 2.25, rel=0.02)
    assert layer.columns["doubt"][number] == 1.0


@pytest.mark.parametrize("seed", [1, 2])
def test_misregistered_tiles_do_not_differ(seed: int) -> None:
    """Overlapping tiles that draw the same shores up to two pixels apart are no places to look at."""
    scene = blobs(seed, (SIDE, 2 * SIDE), 8.0)
    moved = np.roll(scene, (1, 1), (0, 1))
    reasons = _reasons(_places(_two(scene, moved, 0.0, 60)))
    assert not [reason for reason in reasons if "overlaps" in reason]


def test_a_filled_hole_is_no_difference() -> None:
    """A hole that was filled because it is small is flood that a tile did not answer; nobody need look at it."""
    scene = np.zeros((SIDE, 2 * SIDE), bool)
    scene[20:80, 60:140] = True
    scene[50:53, 104:107] = False  # 20 m2
    assert _reasons(_places(_two(scene, scene, 0.0, 20))) == []


def test_the_rest_is_counted(tmp_path: Path) -> None:
    """Of many places the layer has so many, in order, and says how many more there are; people are told the first."""
    scene, unsure = np.zeros((SIDE, 200), bool), np.full((SIDE, 200), 51, np.uint8)
    scene[::6, :] = scene[1::6, :] = scene[2::6, :] = scene[3::6, :] = True
    scene[:, ::12] = scene[:, 1::12] = False
    tile = answered("a.jp2", scene, grid_of(scene), None, unsure)
    layer, polygons = _places([tile]), len(shapely.get_parts(tile.extent.flood))
    assert (len(layer), len(layer) + layer.left_out) == (MOST, polygons)
    assert (np.diff(layer.columns["weight_m2"]) <= 0).all()
    told = to_check([layer, replace(layer, suffix="_epsg7856")])
    assert (told["count"], len(told["first"])) == (2 * polygons, TOLD)
    write_geopackage([layer], tmp_path / "a.gpkg", title="t")
    sql = "SELECT description FROM gpkg_contents"
    _, _, _, (description,) = pyogrio.raw.read(tmp_path / "a.gpkg", sql=sql)
    assert f"{layer.left_out:,} more, of less weight" in description[0]
