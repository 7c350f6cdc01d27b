"""What the rasters hold, read back by Pillow: another library than their writer."""

import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import shapely
from affine import Affine
from cut_scenes import blobs, grid_of, noise, window, windows
from PIL import Image
from raster_scenes import MADE, SceneTile, layers_of, pixels, place, scene_tile, written
from rasterio.features import rasterize
from tiff_directories import MASK, TILE_WIDTH, directories

from tasks.core.arrays import BoolMask, UInt8Array
from tasks.core.chip_layout import ChipLayout
from tasks.core.errors import RecordMismatch
from tasks.core.geo.grid import Grid
from tasks.core.imagery.preparation import encode_jpeg
from tasks.core.rasters.raster_tile import RasterTile, pictures_of, preview_of
from tasks.core.rasters.rasters import main_files, write_rasters

SIZE = 40


def _labels(seed: int, shape: tuple[int, int] = (100, 130)) -> UInt8Array:
    """Labels 0, 1 and 2 in blobs."""
    return np.where(blobs(seed, shape), np.where(blobs(seed + 1, shape), 2, 1), 0).astype(np.uint8)


def _tiles(labels: UInt8Array, grid: Grid, overlap: int = 0) -> list[SceneTile]:
    parts = enumerate(windows(labels, grid, SIZE, overlap))
    return [scene_tile(f"{number:02}.jp2", of_part, part) for number, (part, of_part) in parts]


def test_tiles_that_share_a_grid_come_back_pixel_for_pixel(tmp_path: Path) -> None:
    """Labels, and confidence in percent, are those of the scene that the tiles were cut from; so is the place."""
    labels, grid = _labels(1), grid_of(_labels(1))
    confidence = np.random.default_rng(2).integers(0, 256, labels.shape).astype(np.uint8)
    tiles = _tiles(labels, grid)
    for tile, (part, _) in zip(tiles, windows(confidence, grid, SIZE, 0), strict=True):
        tile.confidence = part
    folder = written(tmp_path, tiles)
    assert np.array_equal(pixels(folder / "labels.tif"), labels)
    assert np.abs(pixels(folder / "confidence.tif") / 100 - confidence / 255).max() <= 0.005 + 1e-9
    west, north, width, height = place(folder / "labels.tif")
    assert (west, north) == pytest.approx((grid.transform[2], grid.transform[5]), abs=1e-6)
    assert (width, height) == pytest.approx((1.5, 1.5), abs=1e-9)


@pytest.mark.parametrize("flood_labels", [(1, 2), (1,)])
@pytest.mark.parametrize("angle", [0.0, 0.2])
def test_flood_is_that_of_the_layers(tmp_path: Path, flood_labels: tuple[int, ...], angle: float) -> None:
    """Filtered and joined: GDAL burns the same pixels of the layers flood_extent and area_observed."""
    tiles = _tiles(_labels(3), grid_of(_labels(3), angle), overlap=6)
    tiles[2].valid[:, :9] = False
    layers = {layer.base: layer for layer in layers_of(tiles, flood_labels, 60.0)}
    path = written(tmp_path, tiles, flood_labels, least_m2=60.0) / "flood.tif"
    found, (west, north, width, height) = pixels(path), place(path)
    to_ground = Affine(width, 0, west, 0, -height, north)
    dry, wet = (
        rasterize(layers[name].geometries, found.shape, transform=to_ground).astype(bool)
        for name in ("area_observed", "flood_extent")
    )
    expected = np.where(wet, 1, np.where(dry, 0, 255))
    assert (found != expected).sum() <= 2  # a centre may lie on an edge, to the last bit
    assert {0, 1, 255} <= set(np.unique(found).tolist())


def test_flood_is_not_that_of_the_labels(tmp_path: Path) -> None:
    """A pool below the smallest size is in the labels, and dry in the mask."""
    labels = np.zeros((20, 20), np.uint8)
    labels[3:5, 3:5], labels[10:16, 10:16] = 1, 1
    folder = written(tmp_path, [scene_tile("a.jp2", grid_of(labels, pixel=1.0), labels)], least_m2=25.0)
    assert pixels(folder / "labels.tif").sum() == 40
    assert pixels(folder / "flood.tif").sum() == 36


def test_ground_without_an_answer_is_never_dry(tmp_path: Path) -> None:
    """A failed tile and padding have no data in all classes; the mosaic shows what was prepared of the failed tile."""
    tiles = _tiles(np.zeros((40, 120), np.uint8), grid_of(np.zeros((40, 120))))
    tiles[0].valid[:, :5] = False
    tiles[1].labels = None
    folder = written(tmp_path, tiles)
    expected = np.zeros((40, 120), np.uint8)
    expected[:, 40:80] = expected[:, :5] = 255
    for name in ("labels", "flood"):
        assert np.array_equal(pixels(folder / f"{name}.tif"), expected)
    assert np.array_equal(_mask(folder / "nrg.tif"), np.indices((40, 120))[1] >= 5)
    assert not (folder / "confidence.tif").exists()


def _mask(path: Path) -> BoolMask:
    """Of a mosaic that is one block large: the file's second image, of one bit, which Pillow does not know."""
    mask = next(image for image in directories(path) if image.kind == MASK)
    ((start, size),) = mask.tiles
    bits = np.frombuffer(zlib.decompress(path.read_bytes()[start : start + size]), np.uint8)
    (side,), (width, height) = mask[TILE_WIDTH], mask.size
    return np.unpackbits(bits).reshape(side, side)[:height, :width] != 0


def test_a_turned_scene_takes_the_nearest_pixel(tmp_path: Path) -> None:
    """Each pixel of the raster has the label of the tile's pixel that its centre lies in; elsewhere no data."""
    labels = _labels(5, (60, 90))
    grid = grid_of(labels, 0.35)
    path = written(tmp_path, [scene_tile("a.jp2", grid, labels)]) / "labels.tif"
    found, (west, north, width, height) = pixels(path), place(path)
    rows, columns = np.indices(found.shape)
    to_source = ~Affine(*grid.transform) * Affine(width, 0, west, 0, -height, north)
    x, y = (np.floor(axis).astype(int) for axis in to_source * (columns + 0.5, rows + 0.5))
    inside = (x >= 0) & (x < 90) & (y >= 0) & (y < 60)
    assert (width, height) == pytest.approx((1.5, 1.5))
    assert np.array_equal(found[inside], labels[y[inside], x[inside]])
    assert (found[~inside] == 255).all()


@pytest.mark.parametrize("turn", ["south up", "mirrored", "quarter"])
def test_grids_that_run_otherwise_along_the_axes_are_copied(tmp_path: Path, turn: str) -> None:
    """South up, mirrored or by a quarter turn: what comes back is the scene north up, to the pixel."""
    labels, (_, _, west, _, _, north) = _labels(6, (30, 50)), grid_of(_labels(6, (30, 50))).transform
    turned, terms = {
        "south up": (labels[::-1], (1.5, 0.0, west, 0.0, 1.5, north - 45.0)),
        "mirrored": (labels[:, ::-1], (-1.5, 0.0, west + 75.0, 0.0, -1.5, north)),
        "quarter": (labels.T, (0.0, 1.5, west, -1.5, 0.0, north)),
    }[turn]
    grid = Grid(turned.shape[1], turned.shape[0], terms, "EPSG:7855")
    folder = written(tmp_path, [scene_tile("a.jp2", grid, np.ascontiguousarray(turned))])
    assert np.array_equal(pixels(folder / "labels.tif"), labels)


def test_each_crs_has_its_set(tmp_path: Path) -> None:
    """With the suffix of its layers, and its own code in the file."""
    labels = _labels(7, (30, 40))
    tiles = [
        scene_tile(f"{zone}.jp2", grid_of(labels, crs=f"EPSG:{zone}"), np.roll(labels, zone)) for zone in (7854, 7855)
    ]
    folder = written(tmp_path, tiles)
    assert {path.name for path in folder.glob("*.tif")} == {
        f"{name}_epsg{zone}.tif" for name in ("flood", "labels", "nrg") for zone in (7854, 7855)
    }
    for zone in (7854, 7855):
        assert np.array_equal(pixels(folder / f"labels_epsg{zone}.tif"), np.roll(labels, zone))
        with Image.open(folder / f"labels_epsg{zone}.tif") as image:
            assert zone in image.tag_v2[34735]


def test_a_mosaic_is_the_imagery(tmp_path: Path) -> None:
    """Near infrared, red, green in the places of red, green, blue; what padding hides is another tile's."""
    grid = grid_of(np.zeros((64, 96)))
    left, right = window(grid, 0, 0, 64, 64), window(grid, 0, 32, 64, 64)
    colours = np.full((64, 64, 3), (200, 80, 40), np.uint8), np.full((64, 64, 3), (40, 90, 160), np.uint8)
    colours[1][:, :16] = 0  # believed to be imagery
    tiles = [
        scene_tile(name, of_tile, np.zeros((64, 64)), nrg=nrg)
        for name, of_tile, nrg in zip("ab", (left, right), colours, strict=True)
    ]
    found = pixels(written(tmp_path, tiles) / "nrg.tif").astype(int)
    assert np.abs(found[:, :40] - (200, 80, 40)).max() < 12
    assert np.abs(found[:, 56:] - (40, 90, 160)).max() < 12


def test_the_same_gives_the_same_bytes(tmp_path: Path) -> None:
    """In whatever order the tiles are given; at another time the files differ."""
    tiles = _tiles(_labels(8), grid_of(_labels(8)), overlap=5)
    first, again = (written(tmp_path / name, order) for name, order in (("a", tiles), ("b", tiles[::-1])))
    files = sorted(path.name for path in first.iterdir())
    assert [path.name for path in sorted(again.iterdir())] == files
    assert all((first / name).read_bytes() == (again / name).read_bytes() for name in files)


def test_the_chips_of_a_tile_are_put_together(tmp_path: Path) -> None:
    """Of each chip that part is shown which has the say, in its place."""
    nrg = cv2.resize(np.random.default_rng(1).integers(0, 256, (6, 9, 3), dtype=np.uint8), (90, 60))
    grid, layout = grid_of(nrg), ChipLayout(90, 60, 40, 8)
    chips = [(chip, encode_jpeg(nrg[chip.whole])) for chip in layout]
    tile = scene_tile("a.jp2", grid, np.zeros((60, 90)), nrg=nrg)
    whole, cut = tile.as_raster_tile(), tmp_path / "cut"
    in_chips = RasterTile("a.jp2", grid, whole.valid, lambda: pictures_of(grid, chips), whole.answer)
    assert write_rasters([in_chips], layers_of([tile]), cut, MADE) == ()
    found, expected = pixels(cut / "rasters" / "nrg.tif"), pixels(written(tmp_path, [tile]) / "nrg.tif")
    assert len(chips) > 4
    assert np.abs(found.astype(int) - expected).max() <= 12


def test_a_preview_stands_in_for_the_image(tmp_path: Path) -> None:
    """Where the image is gone the mosaic shows the preview, and a warning names the tile."""
    tile = scene_tile("a.jp2", grid_of(np.zeros((64, 96))), np.zeros((64, 96)))
    jpeg = encode_jpeg(np.full((16, 24, 3), (200, 80, 40), np.uint8))
    whole = tile.as_raster_tile()
    coarse = RasterTile("a.jp2", tile.grid, whole.valid, lambda: [preview_of(tile.grid, jpeg)], whole.answer)
    (warning,) = write_rasters([coarse], layers_of([tile]), tmp_path, MADE)
    assert "a.jp2" in warning
    assert "preview" in warning
    found = pixels(tmp_path / "rasters" / "nrg.tif").astype(int)
    assert found.shape == (64, 96, 3)
    assert np.abs(found - (200, 80, 40)).max() < 12


def test_a_tile_that_cannot_be_read_costs_itself(tmp_path: Path) -> None:
    """Its ground has no data in the labels, the others are there, and a warning names it."""
    tiles = _tiles(np.ones((40, 80), np.uint8), grid_of(np.ones((40, 80))))
    good, lost = (tile.as_raster_tile() for tile in tiles)

    def damaged() -> np.ndarray:
        raise RecordMismatch("x.png", "not the file that its record names")

    bad = RasterTile(lost.id, lost.grid, damaged, lost.pictures, lost.answer)
    (warning,) = write_rasters([good, bad], layers_of(tiles), tmp_path, MADE)
    assert "01.jp2" in warning
    assert np.array_equal(pixels(tmp_path / "rasters" / "labels.tif"), np.repeat([[1] * 40 + [255] * 40], 40, axis=0))


def test_what_would_be_too_large_is_left_out(tmp_path: Path) -> None:
    """Two tiles far apart span more pixels than are written: a warning says how many, and no file is there."""
    grid = grid_of(np.zeros((40, 40)))
    tiles = [scene_tile(str(column), window(grid, 0, column, 40, 40), np.zeros((40, 40))) for column in (0, 6_000_000)]
    (warning,) = write_rasters(
        [tile.as_raster_tile() for tile in tiles], layers_of(tiles), tmp_path, MADE, max_pixels=10**8
    )
    assert "6,000,040 x 40" in warning
    assert not list(tmp_path.rglob("*.tif"))


def test_without_an_answer_there_are_none(tmp_path: Path) -> None:
    """A product of failed tiles alone has no raster."""
    tile = scene_tile("a.jp2", grid_of(np.zeros((40, 40))), None)
    assert write_rasters([tile.as_raster_tile()], layers_of([tile]), tmp_path, MADE) == ()
    assert not list(tmp_path.rglob("*.tif"))


def test_files_are_named_to_people(tmp_path: Path) -> None:
    """The flood mask first, and no file beside a raster."""
    labels = noise(1, 0.5)
    tiles = [scene_tile(crs, grid_of(labels, crs=crs), labels) for crs in ("EPSG:7854", "EPSG:7855")]
    folder = written(tmp_path, tiles)
    names = [name for name, _ in main_files([f"rasters/{path.name}" for path in folder.iterdir()])]
    assert names[:2] == ["rasters/flood_epsg7854.tif", "rasters/flood_epsg7855.tif"]
    assert len(names) == len(set(names)) == 6


def test_layers_of_an_edited_product(tmp_path: Path) -> None:
    """Flood that an analyst drew beyond what was observed is flood, for the layers say so."""
    tile = scene_tile("a.jp2", grid_of(np.zeros((20, 30)), pixel=1.0), np.zeros((20, 30)))
    layers = layers_of([tile])
    west, north = tile.grid.transform[2], tile.grid.transform[5]
    drawn = np.array([shapely.box(west + 2, north - 9, west + 5, north - 4)], np.object_)
    layers[0] = type(layers[0])("flood_extent", "Polygon", "EPSG:7855", drawn, {})
    write_rasters([tile.as_raster_tile()], layers, tmp_path, MADE)
    found = pixels(tmp_path / "rasters" / "flood.tif")
    assert (found[4:9, 2:5] == 1).all()
    assert found.sum() == 15
