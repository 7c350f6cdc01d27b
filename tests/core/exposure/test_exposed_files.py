"""Files of exposure are read as they are, near the product alone, or refused with what to do about them."""

from pathlib import Path
from typing import Any

import numpy as np
import pyogrio.raw
import pyproj
import pytest
import shapely

from tasks.core.errors import UnusableArgument
from tasks.core.exposure.exposed import Exposed
from tasks.core.exposure.exposed_files import ExposurePlace, check_exposed, exposure_place, read_exposed

PRODUCT = [("EPSG:7855", np.array([600_000.0, 6_000_000.0, 601_000.0, 6_001_000.0]))]
NEAR = [shapely.Point(600_500, 6_000_500), shapely.Point(600_100, 6_000_100)]
FAR = [shapely.Point(700_000, 6_000_500)] * 3


def write(path: Path, geometries: list[object], layer: str | None = None, **options: Any) -> Path:
    wkb = np.asarray(shapely.to_wkb(np.array([*geometries, None], np.object_)[:-1]), np.object_)
    defaults: dict[str, Any] = {"crs": "EPSG:7855", "geometry_type": "Point", "driver": "GPKG"}
    number = np.arange(len(geometries))
    pyogrio.raw.write(path, wkb, [number], ["number"], layer=layer, **(defaults | options))
    return path


def read(path: Path, *names: str) -> list[Exposed]:
    place = exposure_place("|".join([str(path), *names]))
    check_exposed(path, place)
    return read_exposed(path, place, PRODUCT)


@pytest.mark.parametrize(
    ("name", "driver"),
    [
        ("a.gpkg", "GPKG"),
        ("a.shp", "ESRI Shapefile"),
        ("a.geojson", "GeoJSON"),
        ("a.fgb", "FlatGeobuf"),
        ("a.gdb", "OpenFileGDB"),
    ],
)
def test_what_is_near_is_read_and_what_has_no_geometry(tmp_path: Path, name: str, driver: str) -> None:
    """Any format gives the features near the product and those without geometry; the others are counted."""
    missing = [] if driver == "FlatGeobuf" else [None]
    options: dict[str, Any] = {"TARGET_ARCGIS_VERSION": "ARCGIS_PRO_3_2_OR_LATER"} if driver == "OpenFileGDB" else {}
    (found,) = read(write(tmp_path / name, [*NEAR, *FAR, *missing], driver=driver, **options))
    assert (found.name, found.source, found.crs, found.unread) == ("a", name, "EPSG:7855", 3)
    assert shapely.equals_exact(found.geometries[:2], NEAR, tolerance=0.001).all()
    assert found.columns["number"].tolist() == [0, 1, 5][: len(found)]
    assert len(found.notes) == len(missing)


def test_all_layers_are_read_or_the_one_that_is_named(tmp_path: Path) -> None:
    """A file of several layers gives each that has geometries; a name takes one, as QGIS writes it, too."""
    path = write(tmp_path / "town.gpkg", NEAR, "houses")
    write(path, [shapely.LineString(NEAR)], "roads", geometry_type="LineString", append=True)
    pyogrio.raw.write(path, None, [np.arange(2)], ["n"], layer="notes", driver="GPKG", append=True)
    assert [one.source for one in read(path)] == ["town.gpkg|houses", "town.gpkg|roads"]
    assert [one.name for one in read(path, "roads")] == ["roads"]
    assert [one.name for one in read(path, "layername=roads", "class=number")] == ["roads"]
    with pytest.raises(UnusableArgument, match=r"no layer rivers.*houses, roads"):
        read(path, "rivers")
    with pytest.raises(UnusableArgument, match=r"roads has no column width.*number"):
        read(path, "roads", "class=width")


def test_columns_come_as_they_are(tmp_path: Path) -> None:
    """Whole numbers stay whole beside a NULL, dates and truths are kept, bytes are left out; so are lost digits."""
    wkb = np.asarray(shapely.to_wkb(NEAR), np.object_)
    unknown = [False, True]
    columns = {
        "whole": np.array([2**40, 0]),
        "huge": np.array([2**60 + 1, 0]),
        "real": np.array([0.5, 0.0]),
        "text": np.array(["洪水", "x"], np.object_),
        "day": np.array(["2021-04-03", "2021-04-03"], "datetime64[D]"),
        "yes": np.array([True, False]),
    }
    pyogrio.raw.write(
        tmp_path / "a.gpkg",
        wkb,
        list(columns.values()),
        list(columns),
        field_mask=[None, *[np.array(unknown)] * 3, None, None][:1] + [np.array(unknown)] * 4 + [None],
        driver="GPKG",
        geometry_type="Point",
        crs="EPSG:7855",
    )
    (found,) = read(tmp_path / "a.gpkg")
    kept = {name: values.tolist() for name, values in found.columns.items()}
    assert kept["whole"] == [2**40, 0]
    assert kept["text"] == ["洪水", None]
    assert kept["day"][0].startswith("2021")
    assert kept["yes"] == [1, 0]
    assert np.isnan(kept["real"][1])
    assert "huge" not in kept
    assert "huge" in found.notes[0]


def test_a_file_in_another_crs_is_read_where_the_product_is(tmp_path: Path) -> None:
    """The product's place is looked for in the CRS of the file."""
    to_degrees = pyproj.Transformer.from_crs("EPSG:7855", "EPSG:4326", always_xy=True)
    degrees = [shapely.Point(to_degrees.transform(600_500, 6_000_500)), shapely.Point(150, -36)]
    (found,) = read(write(tmp_path / "a.geojson", degrees, driver="GeoJSON", crs="EPSG:4326"))
    assert (len(found), found.unread, found.crs) == (1, 1, "EPSG:4326")


def test_across_the_antimeridian_both_sides_are_read(tmp_path: Path) -> None:
    """A product over the 180th meridian finds what lies on either side, and nothing on the other side of the Earth."""
    fiji = [("EPSG:32760", np.array([810_000.0, 8_100_000.0, 840_000.0, 8_110_000.0]))]
    path = write(tmp_path / "a.gpkg", [shapely.Point(x, -17.12) for x in (179.98, -179.98, 0)], crs="EPSG:4326")
    (found,) = read_exposed(path, ExposurePlace(str(path)), fiji)
    assert found.columns["number"].tolist() == [0, 1]


def test_nothing_near_is_a_warning(tmp_path: Path) -> None:
    """A file of another place is no error, but said."""
    (found,) = read(write(tmp_path / "a.gpkg", FAR))
    assert len(found) == 0
    assert "none of its 3 features" in found.notes[0]


def test_what_cannot_be_used_is_refused(tmp_path: Path) -> None:
    """No file, no vector file, no CRS, no features, no geometries: each names the file and what to do."""
    text = tmp_path / "text.gpkg"
    text.write_text("no GeoPackage")
    csv = tmp_path / "table.csv"
    csv.write_text("a,b\n1,2\n")
    shapeless = write(tmp_path / "a.shp", NEAR, driver="ESRI Shapefile")
    shapeless.with_suffix(".shx").unlink()
    cases = [
        (tmp_path / "none.gpkg", "does not exist"),
        (text, "no vector file that GDAL reads"),
        (csv, "no layer with geometries"),
        (write(tmp_path / "b.gpkg", NEAR, crs=None), "has no CRS. Assign"),
        (write(tmp_path / "c.gpkg", []), "has no features"),
        (write(tmp_path / "d.gpkg", NEAR, crs="+proj=tmerc +lon_0=147 +ellps=GRS80"), "datum of its CRS is unknown"),
        (shapeless, "its .shx is missing"),
    ]
    for path, words in cases:
        with pytest.raises(UnusableArgument) as error:
            read(path)
        assert str(error.value).startswith(str(path))
        assert words in str(error.value)


@pytest.mark.parametrize("value", ["", "a.gpkg|", "a.gpkg|b|c", "a.gpkg|class=", "|b", "a.gpkg|class=b|class=c"])
def test_a_place_that_says_too_much_or_too_little_is_refused(value: str) -> None:
    """The form is FILE, FILE|LAYER or FILE|LAYER|class=COLUMN."""
    with pytest.raises(UnusableArgument, match="FILE"):
        exposure_place(value)
