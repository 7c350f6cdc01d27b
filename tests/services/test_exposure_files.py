"""Files of exposure are read wherever they lie."""

from pathlib import Path

import numpy as np
import pyogrio.raw
import pytest
import shapely

from tasks.core.errors import UnusableArgument
from tasks.services import storage
from tasks.services.exposure_files import check_exposure, read_exposure

PRODUCT = [("EPSG:7855", np.array([600_000.0, 6_000_000.0, 601_000.0, 6_001_000.0]))]
POINTS = np.asarray(shapely.to_wkb([shapely.Point(600_500, 6_000_500), shapely.Point(600_100, 6_000_100)]), np.object_)


def put(folder: Path, place: str, name: str, driver: str) -> str:
    """Write points, and copy all that came of it to a place; the URI of the file."""
    folder.mkdir()
    pyogrio.raw.write(
        folder / name, POINTS, [np.arange(2.0)], ["n"], driver=driver, geometry_type="Point", crs="EPSG:7855"
    )
    for path in folder.rglob("*"):
        if path.is_file():
            storage.write_bytes(storage.join(place, str(path.relative_to(folder))), path.read_bytes())
    return storage.join(place, name)


@pytest.mark.parametrize(
    ("name", "driver"), [("a.shp", "ESRI Shapefile"), ("a.gpkg", "GPKG"), ("a.gdb", "OpenFileGDB")]
)
def test_a_file_is_read_with_all_its_parts(tmp_path: Path, place: str, name: str, driver: str) -> None:
    """A shapefile comes with its other parts, a geodatabase with its folder, from here and from S3."""
    uri = put(tmp_path / "made", place, name, driver)
    check_exposure([uri])
    (found,) = read_exposure([uri], PRODUCT)
    assert (len(found), found.source, found.crs) == (2, name, "EPSG:7855")


def test_a_file_that_is_not_there_is_named(place: str) -> None:
    """The error names the place that was given, not a copy of it."""
    uri = storage.join(place, "none.gpkg")
    with pytest.raises(UnusableArgument, match=rf"^{uri}.*does not exist"):
        check_exposure([f"{uri}|roads"])


def test_a_bar_may_be_part_of_a_name(tmp_path: Path) -> None:
    """A file that is there is read, whatever its name."""
    uri = put(tmp_path / "made", str(tmp_path), "a|b.gpkg", "GPKG")
    (found,) = read_exposure([uri], PRODUCT)
    assert found.name == "a|b"
