"""Products and references wherever they lie: fetched, compared, and called by their own names."""

from pathlib import Path

import numpy as np
import pyogrio.raw
import pytest
import shapely
from two_tiles import CRS, box, make_two_tiles

from tasks.core.errors import FloodExtentError
from tasks.services import storage
from tasks.services.publishing.assessing import compare


def upload(folder: Path, uri: str) -> None:
    """All files below a folder."""
    for one in folder.rglob("*"):
        if one.is_file():
            storage.write_bytes(storage.join(uri, one.relative_to(folder).as_posix()), one.read_bytes())


def write_shapefile(path: Path) -> None:
    """The reference as a shapefile, of which S3 has several objects."""
    areas = shapely.to_wkb(np.array([box(50, 100), box(250, 100)], np.object_))
    pyogrio.raw.write(path, areas, [], [], geometry_type="Polygon", crs=CRS, driver="ESRI Shapefile")


@pytest.mark.parametrize("product", ["town", "town/", "town/flood_extent.gpkg"])
@pytest.mark.parametrize("reference", ["r.gpkg", "truth.shp"])
def test_it_is_all_the_same_where_they_lie(tmp_path: Path, s3_bucket: str, product: str, reference: str) -> None:
    """Folder, prefix or file, and a shapefile with all its parts: the figures are one, and so is the name."""
    make_two_tiles(tmp_path)
    write_shapefile(tmp_path / "truth.shp")
    upload(tmp_path, f"{s3_bucket}/maps")
    for where in (str(tmp_path), f"{s3_bucket}/maps"):
        found = compare(f"{where}/{product}", f"{where}/{reference}")
        assert (found.name, found.assessment.score.iou) == ("town", pytest.approx(0.75, rel=1e-6))


@pytest.mark.parametrize(
    ("product", "reference", "words"),
    [
        ("nowhere", "r.gpkg", "nowhere: is no product of ours, for it has no flood_extent.gpkg. Give the prefix"),
        ("town", "nothing.gpkg", "nothing.gpkg: does not exist. Check the name"),
        ("town", "note.txt", "note.txt: is no vector file that GDAL reads. Give polygons"),
        ("other", "r.gpkg", "other/flood_extent.gpkg: is no product of ours"),
    ],
)
def test_what_is_wrong_is_said_of_what_a_person_gave(
    tmp_path: Path, s3_bucket: str, product: str, reference: str, words: str
) -> None:
    """By its name in S3, not by that of a copy which is gone."""
    make_two_tiles(tmp_path)
    (tmp_path / "note.txt").write_text("no polygons")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "flood_extent.gpkg").write_text("no layers")
    upload(tmp_path, s3_bucket)
    with pytest.raises(FloodExtentError) as refused:
        compare(f"{s3_bucket}/{product}", f"{s3_bucket}/{reference}")
    assert f"{s3_bucket}/{words}" in str(refused.value)
