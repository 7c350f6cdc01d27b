"""GDAL and PROJ work as the project wants, whatever the shell says to other copies of them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from command_line import ROOT
from rasterio.transform import from_origin

from tasks.core.gis_environment import OURS, isolate

WORK = """
import hashlib, json, sys
from pathlib import Path
from tasks.core.jpeg2000.jpeg2000 import decode, probe
from tasks.core.product.layer import Layer
from tasks.core.formats.geopackage import write_geopackage
from tasks.core.formats.shapefile_writer import write_shapefile
import numpy as np, pyogrio, shapely
frame, out = Path(sys.argv[1]), Path(sys.argv[2])
data = frame.read_bytes()
sidecars = {path.name: path.read_bytes() for path in frame.parent.glob(frame.name + ".*")}
header = probe(lambda start, length: data[start : start + length], len(data), frame.name, sidecars)
pixels = decode(frame, 32, 24, 10**6).nrg
names = {"name": np.array(["\u00dc"], object)}
layer = Layer("flood_extent", "Polygon", header.crs, shapely.box([5e5], [6e6], [5e5 + 9], [6e6 + 9]), names)
write_geopackage([layer], out / "a.gpkg", title="a")
write_shapefile(layer, out / "a.shp")
written = pyogrio.read_info(out / "a.gpkg")
hashes = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(out.glob("a.[!g]*"))}
found = [header.crs, header.transform, hashlib.sha256(pixels).hexdigest(), hashes]
print(json.dumps([*found, written["crs"], written["features"], written["total_bounds"]]))
"""


@pytest.fixture
def frame(tmp_path: Path) -> Path:
    """A frame that has its place from GeoJP2, and its CRS from ``.aux.xml``."""
    path = tmp_path / "frames" / "a.jp2"
    path.parent.mkdir()
    shape = {"width": 64, "height": 48, "count": 3, "dtype": "uint8", "crs": "EPSG:7855"}
    with rasterio.open(
        path, "w", driver="JP2OpenJPEG", transform=from_origin(500000, 6250000, 0.5, 0.5), **shape
    ) as dataset:
        dataset.write(np.random.default_rng(0).integers(0, 255, (3, 48, 64), dtype=np.uint8))
    path.with_name("a.jp2.aux.xml").write_text("<PAMDataset><SRS>EPSG:28355</SRS></PAMDataset>")
    return path


@pytest.fixture
def hostile(tmp_path: Path) -> dict[str, str]:
    """The shell of somebody whose other GIS programs have left all that they can."""
    home, empty = tmp_path / "home", tmp_path / "empty"
    for folder in (home / ".gdal", home / ".local" / "share" / "proj", empty):
        folder.mkdir(parents=True)
    options = "[configoptions]\nGDAL_GEOREF_SOURCES=NONE\nGDAL_SKIP=JP2OpenJPEG\nGDAL_PAM_ENABLED=NO\n"
    (home / ".gdal" / "gdalrc").write_text(options)
    (home / ".local" / "share" / "proj" / "proj.db").write_text("no database")
    (tmp_path / "gdalrc").write_text(options)
    return {
        "HOME": str(home),
        **dict.fromkeys(("PROJ_LIB", "PROJ_DATA", "GDAL_DATA", "PROJ_USER_WRITABLE_DIRECTORY"), str(empty)),
        "PROJ_NETWORK": "ON",
        "PROJ_DEBUG": "3",
        "PROJ_AUX_DB": str(home / ".local" / "share" / "proj" / "proj.db"),
        "GDAL_CONFIG_FILE": str(tmp_path / "gdalrc"),
        "GDAL_DRIVER_PATH": str(empty),
        "GDAL_SKIP": "JP2OpenJPEG,GPKG,ESRI Shapefile",
        "OGR_SKIP": "GPKG",
        "GDAL_GEOREF_SOURCES": "NONE",
        "GDAL_PAM_ENABLED": "NO",
        "GDAL_PAM_PROXY_DIR": str(empty),
        "GTIFF_POINT_GEO_IGNORE": "TRUE",
        "USE_TILE_AS_BLOCK": "YES",
        "SHAPE_ENCODING": "CP437",
        "SHAPE_REWIND_ON_WRITE": "NO",
        "OGR_CURRENT_DATE": "1970-01-01T00:00:00Z",
        "CPL_DEBUG": "ON",
        "CPL_LOG": str(tmp_path / "cpl.log"),
    }


def worked(frame: Path, out: Path, environment: dict[str, str]) -> tuple[object, str]:
    """What a process makes of the frame with all three copies of the libraries, and what it complains of."""
    out.mkdir()
    command = [sys.executable, "-c", WORK, str(frame), str(out)]
    variables = {**os.environ, **environment, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_a_hostile_shell_changes_nothing(frame: Path, hostile: dict[str, str], tmp_path: Path) -> None:
    """CRS, place, pixels, GeoPackage and the shapefile's bytes are those of a clean shell; nothing is logged."""
    expected = worked(frame, tmp_path / "clean", {})
    assert worked(frame, tmp_path / "hostile", hostile) == expected
    assert not (tmp_path / "cpl.log").exists()


def test_only_what_gdal_and_proj_read_is_taken_away() -> None:
    """Credentials, proxies and paths stay."""
    environment = {"PROJ_LIB": "/x", "GDAL_SKIP": "y", "AWS_PROFILE": "p", "PATH": "/bin", "https_proxy": "z"}
    isolate(environment)
    assert environment == {"AWS_PROFILE": "p", "PATH": "/bin", "https_proxy": "z", **OURS}
