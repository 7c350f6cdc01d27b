"""The map tiles: the archive read by its specification, the tiles by GDAL, which has written neither."""

import gzip
import json
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyogrio
import pyproj
import pytest
import shapely
from cut_scenes import answered, blobs, grid_of, windows
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_layers import CRS, NUMBERS, REALS, TEXTS, mixed, objects, polygons, sources
from pyogrio import raw

from tasks.core.formats.web import web_map
from tasks.core.formats.web.tile_archive import TilePlace, tile_id, write_archive
from tasks.core.formats.web.tile_pyramid import simplified, zoom_levels
from tasks.core.product.layer import Layer
from tasks.core.product.layer_assembly import assemble

MADE = datetime(2026, 3, 9, 23, 59, 58, 7_000, UTC)
EQUATOR_M = 40_075_016.685578488


class _Found(NamedTuple):
    """A tile as the directories have it."""

    number: int
    content: bytes


def _numbers(packed: bytes) -> Iterator[int]:
    value = shift = 0
    for byte in gzip.decompress(packed):
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            yield value
            value = shift = 0


def _entries(file: bytes, at: int, length: int) -> Iterator[tuple[int, int, int, int]]:
    """Number, run, length and offset of each entry of a directory, by the specification's text."""
    values = list(_numbers(file[at : at + length]))
    count, *columns = values
    steps, runs, lengths, offsets = (columns[start * count : (start + 1) * count] for start in range(4))
    number = offset = end = 0
    for step, run, size, place in zip(steps, runs, lengths, offsets, strict=True):
        number += step
        offset = end if place == 0 else place - 1
        end = offset + size
        yield number, run, size, offset


def _tiles(path: Path) -> list[_Found]:
    file = path.read_bytes()
    assert file[:8] == b"PMTiles\x03"
    root, root_size, _, _, leaves, _, data, _ = struct.unpack("<8Q", file[8:72])
    assert root + root_size <= 16_384
    found = []
    for number, run, size, offset in _entries(file, root, root_size):
        inner = [(number, run, size, offset)] if run else list(_entries(file, leaves + offset, size))
        found += [_Found(one, file[data + start : data + start + length]) for one, _, length, start in inner]
    return found


def _place(number: int) -> TilePlace:
    """Inverse of the number along the curve, as Wikipedia's article on the Hilbert curve has it (d2xy)."""
    zoom = 0
    while number >= 4**zoom:
        number -= 4**zoom
        zoom += 1
    x = y = 0
    side = 1
    while side < 1 << zoom:
        right = 1 & (number // 2)
        low = 1 & (number ^ right)
        if not low:
            if right:
                x, y = side - 1 - x, side - 1 - y
            x, y = y, x
        x, y = x + side * right, y + side * low
        number //= 4
        side *= 2
    return TilePlace(zoom, x, y)


@given(st.integers(0, 18).flatmap(lambda zoom: st.tuples(st.just(zoom), *[st.integers(0, 2**zoom - 1)] * 2)))
def test_tiles_are_numbered_along_the_curve(place: tuple[int, int, int]) -> None:
    """The number of a tile leads back to it; those of a level follow those of the coarser ones."""
    assert _place(tile_id(TilePlace(*place))) == TilePlace(*place)


def test_numbers_are_those_of_the_specification() -> None:
    """The specification gives these as examples."""
    examples = {
        (0, 0, 0): 0,
        (1, 0, 0): 1,
        (1, 0, 1): 2,
        (1, 1, 1): 3,
        (1, 1, 0): 4,
        (2, 0, 0): 5,
        (12, 3423, 1763): 19078479,
    }
    assert {place: tile_id(TilePlace(*place)) for place in examples} == examples


def test_an_archive_of_many_tiles_has_leaf_directories(tmp_path: Path) -> None:
    """The first 16 KiB are enough to begin with; each of 12,000 tiles is found, and a content is kept once."""
    random = np.random.default_rng(5)
    places = {TilePlace(12, int(x), int(y)) for x, y in random.integers(0, 4096, (12_000, 2))}
    tiles = {place: b"%64d" % (place.x % 97 if place.y % 2 else place.x * 4096 + place.y) for place in places}
    write_archive(tiles, tmp_path / "x.pmtiles", metadata={}, bounds=(-180, -85, 180, 85), zooms=(12, 12))
    found = _tiles(tmp_path / "x.pmtiles")
    assert {_place(one.number): one.content for one in found} == tiles
    assert [one.number for one in found] == sorted(one.number for one in found)
    assert (tmp_path / "x.pmtiles").stat().st_size < sum(map(len, tiles.values()))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Layer]]:
    """A product of four tiles with ponds, islands and holes, pixels of 1.5 m, and its map."""
    mask = blobs(7, (200, 220), 3.0)
    tiles = [answered(f"{number}.jp2", *part) for number, part in enumerate(windows(mask, grid_of(mask), 110, 0))]
    layers = assemble(tiles, [], 0.0)
    folder = tmp_path_factory.mktemp("map")
    assert len(web_map.write(layers, folder, MADE)) == 1
    return folder / "flood_extent.pmtiles", layers


def test_gdal_reads_the_layers_of_the_map(scene: tuple[Path, list[Layer]]) -> None:
    """All layers of polygons but the extent by tile, in Web Mercator; each valid in each tile."""
    path, layers = scene
    wanted = {one.name for one in layers if len(one) and one.base not in {"flood_extent_by_tile", "not_assessed"}}
    assert wanted <= {name for name, _ in pyogrio.list_layers(path)}
    for name in wanted:
        meta, _, places, _ = raw.read(path, layer=name)
        assert meta["crs"] == "EPSG:3857"
        assert shapely.is_valid(shapely.from_wkb(places)).all()


def test_the_finest_level_shows_the_extent(scene: tuple[Path, list[Layer]]) -> None:
    """What GDAL reads differs from the layer only along outlines, by less than a unit of the tiles."""
    path, layers = scene
    to_web = pyproj.Transformer.from_crs(CRS, 3857, always_xy=True)
    moved = shapely.transform(layers[0].geometries, lambda xy: np.column_stack(to_web.transform(*xy.T)))
    flood = shapely.union_all(moved)
    seen = shapely.union_all(shapely.from_wkb(raw.read(path, layer="flood_extent")[2]))
    unit = EQUATOR_M / 4096 / 2 ** path.read_bytes()[101]
    assert unit < 1.5
    outline = shapely.union_all(shapely.get_parts(flood.boundary)).buffer(unit)
    assert shapely.symmetric_difference(seen, flood).difference(outline).area == 0
    assert seen.area == pytest.approx(flood.area, rel=2e-3)


def test_no_level_loses_the_flood(scene: tuple[Path, list[Layer]]) -> None:
    """However far one zooms out, some tile of the coarsest level has flood."""
    path, _ = scene
    least = path.read_bytes()[100]
    coarsest = [gzip.decompress(one.content) for one in _tiles(path) if _place(one.number).zoom == least]
    assert any(b"\x0a\x0cflood_extent" in tile for tile in coarsest)


@settings(max_examples=30)
@given(st.lists(st.floats(0.5, 30), min_size=1, max_size=200), st.integers(0, 9))
def test_small_polygons_keep_their_area_together(sides: list[float], seed: int) -> None:
    """Ponds below a pixel of the screen are drawn as pixels, as many as their areas make, up to one less."""
    x, y = np.random.default_rng(seed).random((2, len(sides))) * 4000
    ponds = shapely.box(x, y, x + sides, y + sides)
    small = np.array(sides) ** 2 < 256
    drawn, shapes = simplified(ponds)
    area = shapely.area(shapes[small[drawn]]).sum()
    assert area <= shapely.area(ponds[small]).sum() + 1e-6
    assert area > shapely.area(ponds[small]).sum() - 256
    assert set(np.flatnonzero(~small)) <= set(drawn)


def test_attributes_are_in_the_tiles(tmp_path: Path) -> None:
    """Integers, reals and texts, those below zero too; what is not known is left out."""
    web_map.write([polygons(), sources(), mixed()], tmp_path, MADE)
    path = tmp_path / "flood_extent.pmtiles"
    assert [name for name, _ in pyogrio.list_layers(path)] == ["flood_extent"]
    meta, _, _, columns = raw.read(path)
    rows = {tuple(map(str, row)) for row in zip(*columns[1:], strict=True)}
    assert list(meta["fields"]) == ["mvt_id", "flood_id", "area_m2", "notes"]
    placed = [0, 1, 2, 4]
    numbers = [str(float(NUMBERS[row])) for row in placed]
    assert {float(row[0]) for row in rows} == {float(one) for one in numbers}
    assert {row[2] for row in rows} == {str(TEXTS[row]) for row in placed}
    assert {float(row[1]) for row in rows if row[1] != "nan"} == {REALS[row] for row in placed if row != 1}


def test_the_archive_says_what_it_is(scene: tuple[Path, list[Layer]]) -> None:
    """Metadata in the form of TileJSON, with the shift of the datum; bounds and levels are in the header."""
    path, layers = scene
    file = path.read_bytes()
    at, length = struct.unpack("<2Q", file[24:40])
    about = json.loads(gzip.decompress(file[at : at + length]))
    assert "GDA2020 to WGS 84 (2), good to 3 m" in about["description"]
    assert about["vector_layers"][0]["fields"]["flood_id"] == "Number"
    west, south, east, north = np.array(struct.unpack("<4i", file[102:118])) / 1e7
    to_degrees = pyproj.Transformer.from_crs(CRS, 4326, always_xy=True)
    middle = shapely.box(*shapely.total_bounds(layers[0].geometries)).centroid
    assert shapely.box(west, south, east, north).contains(shapely.Point(to_degrees.transform(middle.x, middle.y)))


def test_levels_fit_pixel_and_extent() -> None:
    """The finest unit is half the pixel, or coarser where there were too many tiles; a dot is the coarsest."""
    town, state = (147.0, -35.0, 147.05, -34.95), (141.0, -37.5, 154.0, -28.0)
    least, most = zoom_levels(town, 1.5)
    unit = EQUATOR_M * np.cos(np.radians(35)) / 4096 / 2**most
    assert 1.5 / 4 < unit <= 1.5 / 2
    assert 1 / 32 < 0.05 / 360 * 2**least * 1.22 < 1 / 8
    across = (154 - 141) / 360 * 2 ** zoom_levels(state, 0.15)[1]
    assert 32 < across < 128
    assert zoom_levels(town, None) == (least, most)


def test_a_map_without_anything_on_it_is_written(tmp_path: Path) -> None:
    """No flood, and nothing placed: an archive without tiles, that readers open."""
    nothing = Layer("flood_extent", "Polygon", CRS, objects([]), {"flood_id": np.empty(0, np.int64)})
    web_map.write([nothing], tmp_path, MADE)
    assert _tiles(tmp_path / "flood_extent.pmtiles") == []
