"""``flood-extent compare``: what it prints, and what it leaves where that is asked."""

import json
from pathlib import Path

import numpy as np
import pyogrio
import pyogrio.raw
import pyproj
import pytest
import shapely
from PIL import Image
from products import contents
from shapely import box
from shapely.geometry.base import BaseGeometry

from flows.command_line import cli
from tasks.core.formats.geopackage import GEOPACKAGE, write_geopackage
from tasks.core.product.layer import Layer
from tasks.services import storage

MGA_55, MGA_56 = "EPSG:7855", "EPSG:7856"
HECTARE = box(500_000, 6_000_000, 500_100, 6_000_100)
SEEN = box(499_900, 5_999_900, 500_400, 6_000_200)


def product(folder: Path, *parts: tuple[str, str, BaseGeometry, BaseGeometry]) -> Path:
    """Layers by CRS and suffix: flood, and what was observed."""
    folder.mkdir()
    layers = [
        Layer(base, "Polygon", crs, np.array([area], np.object_), {}, suffix)
        for crs, suffix, flood, observed in parts
        for base, area in (("flood_extent", flood), ("area_observed", observed))
    ]
    write_geopackage(layers, folder / GEOPACKAGE, title="a product")
    return folder


@pytest.fixture
def products(tmp_path: Path) -> list[str]:
    """A lake of a hectare that moved by half its width."""
    moved = shapely.transform(HECTARE, lambda points: points + np.array([50, 0]))
    return [
        str(product(tmp_path / "monday", (MGA_55, "", HECTARE, SEEN))),
        str(product(tmp_path / "friday", (MGA_55, "", moved, SEEN))),
    ]


def test_what_was_gained_and_lost_is_printed(products: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """In hectares, and the sums are those of the two maps."""
    assert cli.main(["compare", *products]) == 0
    rows = [line.rsplit("  ", 1) for line in capsys.readouterr().out.splitlines()]
    shown = {text.strip(): float(area.removesuffix(" ha")) for text, area in rows}
    assert shown["in both"] == shown["gained"] == shown["lost"] == 0.5
    assert (shown["flooded in the first"], shown["in either (peak)"]) == (1.0, 1.5)


def test_layers_picture_and_summary_are_left_where_that_is_asked(products: list[str], place: str) -> None:
    """In a folder or in S3; what is left says the same in each."""
    assert cli.main(["compare", *products, "--output", storage.join(place, "week")]) == 0
    left = contents(storage.join(place, "week"))
    assert sorted(left) == ["change.gpkg", "change.json", "change.png"]
    summary = json.loads(left["change.json"])
    assert summary["products"] == ["monday", "friday"]
    assert summary["gained_m2"] == pytest.approx(5000, rel=1e-3)


def test_products_of_one_name_are_called_by_their_places(products: list[str], place: str) -> None:
    """As two flights over one dataset are; what is in S3 is read from a copy, whose place tells nobody anything."""
    places = [storage.join(place, flight, "lake") for flight in ("monday", "friday")]
    for local, uri in zip(products, places, strict=True):
        storage.write_bytes(storage.join(uri, GEOPACKAGE), (Path(local) / GEOPACKAGE).read_bytes())
    assert cli.main(["compare", *places, "--output", storage.join(place, "week")]) == 0
    assert json.loads(contents(storage.join(place, "week"))["change.json"])["products"] == places


def test_layers_of_several_zones_are_named_as_a_products_are(tmp_path: Path) -> None:
    """Also where a zone has no code, and its definition is all there is."""
    projection = "+proj=tmerc +lat_0=0 +lon_0=147.5 +k=0.9996 +x_0=500000 +y_0=10000000 +ellps=GRS80 +units=m"
    own = pyproj.CRS.from_proj4(projection).to_wkt()
    zones = [product(tmp_path / name, (MGA_55, "_1", HECTARE, SEEN), (own, "_2", HECTARE, SEEN)) for name in "ab"]
    assert cli.main(["compare", *map(str, zones), "--output", str(tmp_path / "out")]) == 0
    layers = pyogrio.list_layers(tmp_path / "out" / "change.gpkg")[:, 0].tolist()
    assert sorted(layers) == ["change_epsg7855", "change_unknown", "layer_styles", "peak_epsg7855", "peak_unknown"]


def test_the_layers_can_be_read(products: list[str], tmp_path: Path) -> None:
    """A row a class, with its area; the peak; and the picture shows each class in its colour."""
    assert cli.main(["compare", *products, "--output", str(tmp_path / "week")]) == 0
    package = tmp_path / "week" / "change.gpkg"
    _, _, geometries, (classes, areas) = pyogrio.raw.read(package, layer="change")
    assert classes.tolist() == ["kept", "gained", "lost", "first_alone", "second_alone"]
    assert shapely.area(shapely.from_wkb(geometries)).tolist() == [5000, 5000, 5000, 0, 0]
    assert areas.sum() == pytest.approx(15_000, rel=1e-3)
    assert pyogrio.read_info(package, layer="peak")["features"] == 1
    colours = {colour for _, colour in Image.open(tmp_path / "week" / "change.png").convert("RGB").getcolors(1 << 24)}
    assert {(40, 120, 190), (210, 40, 40), (230, 170, 60)} <= colours


def test_a_zone_that_one_of_them_lacks_is_seen_by_the_other_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two zones against one: nothing of the second zone is lost."""
    both = product(tmp_path / "both", (MGA_55, "_epsg7855", HECTARE, SEEN), (MGA_56, "_epsg7856", HECTARE, SEEN))
    one = product(tmp_path / "one", (MGA_55, "", HECTARE, SEEN))
    assert cli.main(["compare", str(both), str(one), "--output", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    hectares = [line.split()[-2] for line in printed.splitlines()[:7]]
    assert hectares == [
        "2.00",
        "1.00",
        "1.00",
        "0.00",
        "0.00",
        "1.00",
        "0.00",
    ]
    assert len(pyogrio.list_layers(tmp_path / "out" / "change.gpkg")) == 5


@pytest.mark.parametrize(
    ("crs", "layer", "message"),
    [(MGA_56, "flood_extent", "Nothing is reprojected silently"), (MGA_55, "other", "is no product of ours")],
)
def test_what_cannot_be_compared_is_refused(
    products: list[str], tmp_path: Path, crs: str, layer: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another zone, and a file that is no product."""
    (tmp_path / "x").mkdir()
    layers = [Layer(name, "Polygon", crs, np.array([SEEN], np.object_), {}) for name in (layer, "area_observed")]
    write_geopackage(layers, tmp_path / "x" / GEOPACKAGE, title="x")
    assert cli.main(["compare", products[0], str(tmp_path / "x")]) == cli.UNUSABLE
    assert message in capsys.readouterr().err


def test_a_series_has_a_row_a_product(products: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of three dates: what each gained and lost since the one before, and the peak of all three."""
    monday, friday = products
    sunday = product(tmp_path / "sunday", (MGA_55, "", box(500_000, 6_000_000, 500_300, 6_000_100), SEEN))
    assert cli.main(["compare", monday, friday, str(sunday), "--output", str(tmp_path / "out")]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:5]]
    assert rows[0][:1] + rows[0][2:] == ["monday", "1.00", "-", "-"]
    assert rows[1][:1] + rows[1][2:] == ["friday", "1.00", "0.50", "0.50"]
    assert rows[2][:1] + rows[2][2:] == ["sunday", "3.00", "2.00", "0.00"]
    assert rows[3] == ["peak", "3.00"]
    left = sorted(path.name for path in (tmp_path / "out").iterdir())
    steps = [f"change_{step}{end}" for step in (1, 2) for end in (".gpkg", ".json", ".png")]
    assert left == [*steps, "series.csv", "series.gpkg", "series.json"]
    summary = json.loads((tmp_path / "out" / "series.json").read_text())
    (peak,) = shapely.from_wkb(pyogrio.raw.read(tmp_path / "out" / "series.gpkg", layer="peak")[2])
    assert peak.area == pytest.approx(summary["peak_m2"], rel=1e-3) == pytest.approx(30_000, rel=1e-3)
