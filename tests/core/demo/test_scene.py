"""The demo scene: files as a survey delivers them, and a truth that fits them."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pyogrio
import pyogrio.raw
import pytest
import rasterio
import rasterio.features
import shapely
from numpy.typing import NDArray

from tasks.core.demo.landscape import make_landscape
from tasks.core.demo.painting import View, paint
from tasks.core.demo.scene import DATASET, make_scene
from tasks.core.models import water_index

TILE_PX = 400
ROWS, COLUMNS = 2, 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene of 2 x 3 tiles with pixels of 75 cm."""
    folder = tmp_path_factory.mktemp("demo")
    make_scene(folder, tile_px=TILE_PX)
    return folder


def tiles(folder: Path) -> list[Path]:
    """The tiles by number."""
    return sorted((folder / DATASET).iterdir())


def truth(folder: Path) -> NDArray[np.object_]:
    """The truth's polygons."""
    return shapely.from_wkb(pyogrio.raw.read(folder / "truth.gpkg", layer="reference")[2])


def test_tiles_are_lossy_jpeg2000_with_alpha_in_gda2020(folder: Path) -> None:
    """Each tile has the form of a real delivery: 8-bit NRG and alpha, GeoJP2, reduced resolutions inside."""
    assert [path.name for path in tiles(folder)] == [f"Demo_Flood_2026_01_75cm_NRG_{n}.jp2" for n in range(1, 7)]
    for path in tiles(folder):
        with rasterio.open(path) as tile:
            assert (tile.driver, tile.count, tile.dtypes[0], tile.crs) == ("JP2OpenJPEG", 4, "uint8", "EPSG:7855")
            assert tile.colorinterp[3].name == "alpha"
            assert tile.overviews(1)
            assert tile.tags(ns="IMAGE_STRUCTURE")["COMPRESSION_REVERSIBILITY"] == "LOSSY"
        assert path.stat().st_size < TILE_PX**2 * 4 / 3


def test_tiles_adjoin_exactly(folder: Path) -> None:
    """Neighbours share their edge to the last bit, near Brewarrina."""
    bounds = []
    for path in tiles(folder):
        with rasterio.open(path) as tile:
            bounds.append(tile.bounds)
            assert -30 < tile.lnglat()[1] < -29.9
    for left, right in (pair for row in (bounds[:3], bounds[3:]) for pair in pairwise(row)):
        assert left.right == right.left
    assert all(above.bottom == below.top for above, below in zip(bounds[:3], bounds[3:], strict=True))


def test_the_flight_edge_slants_through_the_last_tiles(folder: Path) -> None:
    """Beyond the edge alpha and bands are near 0, in the easternmost tiles only, by a different share in each row."""
    shares = []
    for path in tiles(folder):
        with rasterio.open(path) as tile:
            bands = tile.read()
        hidden = bands[3] < 128
        shares.append(float(hidden.mean()))
        assert not hidden.any() or float(np.percentile(bands[:3, hidden], 99)) <= 16
        assert float(((bands[3] <= 8) | (bands[3] >= 247)).mean()) > 0.99
    assert [share > 0.02 for share in shares] == [False, False, True] * ROWS
    assert shares[5] > shares[2] + 0.05


def test_truth_is_valid_pixel_exact_and_observed(folder: Path) -> None:
    """Truth polygons follow whole pixels, name their CRS and stay on the near side of the flight edge."""
    polygons = truth(folder)
    assert pyogrio.read_info(folder / "truth.gpkg", layer="reference")["crs"] == "EPSG:7855"
    assert shapely.is_valid(polygons).all()
    pixels = shapely.area(polygons) / 0.75**2
    np.testing.assert_allclose(pixels, np.round(pixels), atol=1e-4)
    for path in tiles(folder):
        with rasterio.open(path) as tile:
            water = rasterio.features.rasterize(polygons, out_shape=tile.shape, transform=tile.transform)
            assert not (water.astype(bool) & (tile.read(4) < 100)).any()


def test_the_flood_is_worth_mapping(folder: Path) -> None:
    """It covers a good part of the scene, crosses every inner tile edge and has islands."""
    flood = shapely.union_all(truth(folder))
    west, south, east, north = 486_500.0, 6_684_900.0, 487_400.0, 6_685_500.0
    assert 0.2 < flood.area / ((east - west) * (north - south)) < 0.5
    for x in (west + 300, west + 600):
        assert flood.intersection(shapely.LineString([(x, south), (x, north)])).length > 20
    assert flood.intersection(shapely.LineString([(west, north - 300), (east, north - 300)])).length > 100
    assert sum(len(polygon.interiors) for polygon in shapely.get_parts(flood)) >= 5


def test_the_same_seed_makes_the_same_scene(folder: Path, tmp_path: Path) -> None:
    """Everything follows from the seed: files to the byte and truth to the vertex; another seed is another flood."""
    make_scene(tmp_path / "again", tile_px=TILE_PX)
    assert [path.read_bytes() for path in tiles(tmp_path / "again")] == [path.read_bytes() for path in tiles(folder)]
    assert (shapely.to_wkb(truth(tmp_path / "again")) == shapely.to_wkb(truth(folder))).all()
    make_scene(tmp_path / "other", seed=1, rows=1, columns=1, tile_px=TILE_PX)
    assert tiles(tmp_path / "other")[0].read_bytes() != tiles(folder)[0].read_bytes()


def test_a_scene_is_made_anew_over_an_older_one(tmp_path: Path) -> None:
    """Making it again in the same place replaces tiles and truth."""
    for seed in (1, 2):
        path = make_scene(tmp_path, seed=seed, rows=1, columns=1, tile_px=100)
    assert path == tmp_path / "truth.gpkg"
    fresh = make_scene(tmp_path / "fresh", seed=2, rows=1, columns=1, tile_px=100)
    assert (truth(fresh.parent) == truth(tmp_path)).all()


def test_tiles_continue_each_other() -> None:
    """Four tiles show what one of twice the size shows, along their edges too, where trees stand on them."""
    landscape = make_landscape(900, 600, 2026)
    whole = paint(landscape, View(150, 150, 0.3, 1000), seed=1)
    parts = [paint(landscape, View(x, y, 0.3, 500), seed=1) for y in (150, 300) for x in (150, 300)]
    nrg, water = (
        np.vstack([np.hstack(row) for row in (arrays[:2], arrays[2:])]) for arrays in zip(*parts, strict=True)
    )
    assert int((water != whole[1]).sum()) < 50
    assert float(np.percentile(np.abs(nrg.astype(int) - whole[0]), 99)) < 14


@pytest.mark.parametrize("seed", [2026, 1, 2, 5])
def test_the_baseline_finds_the_flood(seed: int) -> None:
    """Water can be told from land by the built-in model, under the thin cloud too, whatever the seed."""
    landscape = make_landscape(900, 600, seed)
    common = either = 0
    for x, y in ((x, y) for x in (0, 300, 600) for y in (0, 300)):
        nrg, water = paint(landscape, View(x, y, 0.6, 500), seed=x + y)
        found = water_index.predict(nrg) == water_index.FLOOD
        common += int((found & water).sum())
        either += int((found | water).sum())
    assert common / either >= 0.97


def test_thin_cloud_lies_over_part_of_the_flood() -> None:
    """The cloud veils some of the water, thinly enough that it still counts as seen."""
    landscape = make_landscape(900, 600, 2026)
    veiled = (landscape.cloud > 0.1) & (landscape.elevation < 0)
    assert 0.03 < float(veiled.sum()) / float((landscape.elevation < 0).sum()) < 0.5
    assert float(landscape.cloud.max()) < 0.25
