"""``flood-extent release``: an analyst's corrected polygons as the next release of a product."""

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import fiona
import numpy as np
import pyogrio.raw
import pytest
import shapely
from made_products import made_product
from products import contents
from shapely.geometry.base import BaseGeometry

from flows.command_line import cli
from tasks.core.formats.geopackage import GEOPACKAGE
from tasks.services import storage

REASON = "the northern field is dry"


def corrected(path: Path, polygons: Sequence[BaseGeometry], crs: str = "EPSG:7855", driver: str = "GPKG") -> str:
    """A file as an analyst saves it."""
    wkb = shapely.to_wkb(np.array(polygons, np.object_))
    fields = [np.arange(len(polygons))]
    pyogrio.raw.write(str(path), wkb, fields, ["n"], driver=driver, geometry_type="Polygon", crs=crs)
    return str(path)


def extent_of(folder: Path) -> list[Any]:
    """The polygons of a product, read by another GDAL than its writer's."""
    with fiona.open(folder / GEOPACKAGE, layer="flood_extent") as layer:
        return [(dict(feature.properties), shapely.geometry.shape(feature.geometry)) for feature in layer]


def record_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "run.json").read_text())
    return found


@pytest.fixture
def product(tmp_path: Path) -> Path:
    """A product with two polygons of flood."""
    return made_product(tmp_path / "maps" / "town")


def test_corrected_polygons_come_back_as_release_2(
    product: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside the first, with what changed, who changed it, and a hash that leads back; the first stays as it is."""
    (_, large), (_, small) = extent_of(product)
    before, first = contents(str(product)), record_of(product)
    edited = corrected(tmp_path / "edited.gpkg", [large.buffer(-2, join_style="mitre"), small])
    assert cli.main(["release", str(product), "--edited", edited, "--reason", REASON]) == 0
    folder = tmp_path / "maps" / "town_release_2"
    shown = capsys.readouterr().out
    assert f"release 2: {folder}" in shown
    assert contents(str(product)) == before
    edition = record_of(folder)["edition"]
    assert (edition["release"], edition["release_reason"]) == (2, REASON)
    assert (edition["det_method"], edition["valid_stat"]) == ("Semi-automatic extraction", "edited")
    assert edition["previous_hash"] == first["content_hash"] != record_of(folder)["content_hash"]
    rows = [properties for properties, _ in extent_of(folder)]
    assert [(row["flood_id"], row["notes"]) for row in rows] == [(1, "edited"), (2, "as in release 1")]
    assert {(row["release"], row["det_method"]) for row in rows} == {(2, "Semi-automatic extraction")}


def test_the_areas_add_up(product: Path, tmp_path: Path) -> None:
    """Kept and lost are the first release, kept and gained the second; the record has the layers' figures."""
    (_, large), _ = extent_of(product)
    drawn = shapely.box(*np.array(large.bounds)[[2, 1, 2, 1]] + (8, 8, 20, 20))
    edited = corrected(tmp_path / "edited.shp", [large.buffer(-2, join_style="mitre"), drawn], driver="ESRI Shapefile")
    assert cli.main(["release", str(product), "--edited", edited, "--reason", REASON, "--output", str(tmp_path)]) == 0
    folder = tmp_path / "town"
    with fiona.open(folder / GEOPACKAGE, layer="change") as layer:
        areas = {feature.properties["class"]: feature.properties["area_m2"] for feature in layer}
    totals = [10_000 * record_of(one)["totals"]["flooded_ha"] for one in (product, folder)]
    assert areas["kept"] + areas["lost"] + areas["first_alone"] == pytest.approx(totals[0], abs=1)
    assert areas["kept"] + areas["gained"] + areas["second_alone"] == pytest.approx(totals[1], abs=1)
    assert sum(properties["area_m2"] for properties, _ in extent_of(folder)) == pytest.approx(totals[1], abs=1)


def test_a_product_that_was_edited_itself_is_read_from_its_zip(product: Path, tmp_path: Path) -> None:
    """An analyst who saves into the product's own GeoPackage does not lose what it said before."""
    first = record_of(product)
    with closing(sqlite3.connect(product / GEOPACKAGE)) as database, database:
        triggers = database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in triggers:  # they call functions that a GIS brings
            database.execute(f'DROP TRIGGER "{name}"')
        database.execute("DELETE FROM flood_extent WHERE flood_id = 1")
    command = ["release", str(product), "--edited", str(product / GEOPACKAGE), "--reason", REASON]
    assert cli.main(command) == 0
    again = record_of(tmp_path / "maps" / "town_release_2")
    assert again["edition"]["previous_hash"] == first["content_hash"]
    assert again["totals"]["flooded_ha"] < first["totals"]["flooded_ha"]


def test_a_release_follows_a_release(product: Path, tmp_path: Path) -> None:
    """The third is named and numbered after the second, and says what changed since that."""
    (_, large), (_, small) = extent_of(product)
    both = corrected(tmp_path / "both.gpkg", [large, small])
    one = corrected(tmp_path / "one.gpkg", [large])
    assert cli.main(["release", str(product), "--edited", one, "--reason", REASON]) == 0
    second = tmp_path / "maps" / "town_release_2"
    assert cli.main(["release", str(second), "--edited", both, "--reason", "it was water"]) == 0
    third = record_of(tmp_path / "maps" / "town_release_3")
    assert third["edition"]["release"] == 3
    assert third["edition"]["previous_hash"] == record_of(second)["content_hash"]
    assert third["totals"] == record_of(product)["totals"]


def test_a_release_of_a_product_in_s3(product: Path, tmp_path: Path, s3_bucket: str) -> None:
    """What is needed is fetched, and the release is put beside it."""
    for name, content in contents(str(product)).items():
        storage.write_bytes(storage.join(s3_bucket, "town", name), content)
    (_, large), _ = extent_of(product)
    edited = corrected(tmp_path / "edited.gpkg", [large])
    assert cli.main(["release", f"{s3_bucket}/town", "--edited", edited, "--reason", REASON]) == 0
    record = json.loads(storage.read_bytes(f"{s3_bucket}/town_release_2/run.json"))
    assert record["edition"]["release"] == 2
    assert storage.exists(f"{s3_bucket}/town_release_2/overview.png")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--edited", "EDITED_56"], "Nothing is reprojected silently"),
        (["--edited", "NOTHING"], "does not exist"),
        (["--edited", "POINTS"], "not all of its features are polygons"),
    ],
)
def test_what_does_not_fit_is_refused(
    product: Path, tmp_path: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another zone, a file that is not there, points: each with what to do, and nothing is written."""
    square = shapely.box(500_000, 6_000_000, 500_100, 6_000_100)
    places = {
        "EDITED_56": corrected(tmp_path / "56.gpkg", [square], "EPSG:7856"),
        "NOTHING": str(tmp_path / "nothing.gpkg"),
        "POINTS": str(tmp_path / "points.gpkg"),
    }
    point = shapely.to_wkb(np.array([shapely.Point(500_000, 6_000_000)], np.object_))
    pyogrio.raw.write(
        places["POINTS"], point, [np.arange(1)], ["n"], driver="GPKG", geometry_type="Point", crs="EPSG:7855"
    )
    given = [places.get(one, one) for one in arguments]
    assert cli.main(["release", str(product), *given, "--reason", REASON]) == cli.UNUSABLE
    assert words in capsys.readouterr().err
    assert sorted(path.name for path in (tmp_path / "maps").iterdir() if not path.name.startswith(".")) == ["town"]


def test_a_product_of_an_earlier_version_is_refused(
    product: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that says nothing of a release cannot be followed by one."""
    record = record_of(product)
    record["edition"] = None
    (product / "run.json").write_text(json.dumps(record))
    edited = corrected(tmp_path / "edited.gpkg", [extent_of(product)[0][1]])
    assert cli.main(["release", str(product), "--edited", edited, "--reason", REASON]) == cli.UNUSABLE
    assert "says nothing of a release" in capsys.readouterr().err
