"""The files are Cloud Optimized GeoTIFF: by a reader of TIFF's structure, and by GDAL's script of another release."""

import subprocess
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from cut_scenes import blobs, grid_of
from raster_scenes import MADE, scene_tile, written
from tiff_directories import (
    COLOURS,
    COPYRIGHT,
    DATETIME,
    DESCRIPTION,
    GDAL_METADATA,
    GDAL_NODATA,
    GEO_KEYS,
    MASK,
    TILE_HEIGHT,
    TILE_WIDTH,
    directories,
    faults,
    ghost_area,
)

from tasks.core.product.edition import Edition, Event
from tasks.core.rasters.raster_kinds import KINDS

SYSTEM_PYTHON = "/usr/bin/python3"
VALIDATOR = "osgeo_utils.samples.validate_cloud_optimized_geotiff"
NAMES = ("flood", "labels", "confidence", "nrg")
SIDE_PX = 1300


@pytest.fixture(scope="module")
def rasters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rasters of a tile with a corner of padding, three blocks wide."""
    labels = cv2.resize(blobs(3).astype(np.uint8), (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_NEAREST)
    valid = np.add.outer(np.arange(SIDE_PX), np.arange(SIDE_PX)) > 400
    nrg = np.stack([np.where(labels, 20, 180)] * 3, axis=2).astype(np.uint8)
    confidence = np.where(labels, 255, 128).astype(np.uint8)
    tile = scene_tile("a.jp2", grid_of(labels), labels, valid=valid, confidence=confidence, nrg=nrg)
    edition = _edition(licence="CC-BY-4.0", attribution="Prairie Water Authority")
    return written(tmp_path_factory.mktemp("product"), [tile], edition=edition)


def _edition(**rights: str) -> Edition:
    return Edition("prairie", "/data/prairie", Event(), (), "r", "m", MADE, **rights)


@pytest.mark.parametrize("name", NAMES)
def test_it_breaks_no_rule(rasters: Path, name: str) -> None:
    """Directories before data, tiles, overviews down to one tile, coarser ones first."""
    assert faults(rasters / f"{name}.tif") == []


@pytest.mark.parametrize("name", NAMES)
def test_what_is_promised_of_the_layout_is_so(rasters: Path, name: str) -> None:
    """Readers skip requests on these words: a wrong promise makes them read garbage."""
    promised = ghost_area(rasters / f"{name}.tif")
    assert promised["LAYOUT"] == "IFDS_BEFORE_DATA"
    assert promised["BLOCK_ORDER"] == "ROW_MAJOR"
    assert promised["KNOWN_INCOMPATIBLE_EDITION"].strip() == "NO"
    content = (rasters / f"{name}.tif").read_bytes()
    for image in directories(rasters / f"{name}.tif"):
        starts = [start for start, _ in image.tiles]
        assert starts == sorted(starts)
        assert all(int.from_bytes(content[start - 4 : start], "little") >= size for start, size in image.tiles)


@pytest.mark.parametrize("name", NAMES)
def test_gdals_script_finds_nothing(rasters: Path, name: str) -> None:
    """The published rules as GDAL's own script has them, with another release of GDAL than the writer's."""
    if subprocess.run([SYSTEM_PYTHON, "-c", "import osgeo_utils"], capture_output=True, check=False).returncode:
        pytest.skip("GDAL's scripts (python3-gdal) are not on this machine")
    command = [SYSTEM_PYTHON, "-m", VALIDATOR, "--full-check=yes", str(rasters / f"{name}.tif")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is a valid cloud optimized GeoTIFF" in done.stdout
    assert "warning" not in done.stdout.lower()


def test_levels_and_masks(rasters: Path) -> None:
    """1300 px have overviews of 650 and 325 px; the mosaic a mask of each, the others none."""
    for name in NAMES:
        images = directories(rasters / f"{name}.tif")
        found = Counter((image.kind & MASK, image.size) for image in images)
        sizes = [(SIDE_PX, SIDE_PX), (650, 650), (325, 325)]
        masks = (0, MASK) if name == "nrg" else (0,)
        assert found == {(mask, size): 1 for mask in masks for size in sizes}
        assert {(image[TILE_WIDTH], image[TILE_HEIGHT]) for image in images} == {((512,), (512,))}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.base)
def test_tags_say_what_it_is(rasters: Path, kind: object) -> None:
    """Description, time of the run in UTC, rights, no data, and the CRS by its code."""
    image = directories(rasters / f"{kind.base}.tif")[0]
    assert image[DESCRIPTION] == kind.description
    assert image[DATETIME] == "2021:04:03 01:31:05"
    assert image[COPYRIGHT] == "CC-BY-4.0; Prairie Water Authority"
    assert image.tags.get(GDAL_NODATA, "").strip() == ("" if kind.no_data is None else "255")
    keys = [image[GEO_KEYS][start : start + 4] for start in range(4, len(image[GEO_KEYS]), 4)]
    values = {key: value for key, place, _, value in keys if not place}
    assert values[3072] == 7855  # ProjectedCSTypeGeoKey
    assert values[1025] == 1  # GTRasterTypeGeoKey: pixel is area
    assert all(f">{band}<" in image[GDAL_METADATA] for band in kind.bands)
    assert all(text.isascii() for text in (kind.description, *kind.bands))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.classes], ids=lambda kind: kind.base)
def test_colour_table(rasters: Path, kind: object) -> None:
    """Of classes, 16 bit a colour in the order of red, green, blue: TIFF 6.0, ColorMap."""
    table = np.array(directories(rasters / f"{kind.base}.tif")[0][COLOURS]).reshape(3, 256).T // 257
    assert {value: tuple(table[value].tolist()) for value in kind.classes} == kind.colours
