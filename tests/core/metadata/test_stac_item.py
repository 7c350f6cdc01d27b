"""STAC items: valid without a network, honest about time, place and rights, the same each time."""

import hashlib
import json
import re
from base64 import urlsafe_b64decode
from dataclasses import replace
from typing import Any

import pystac
import pytest
import shapely
from described import MADE, PREVIOUS, SHA, edition, frame, layers, resource
from pyproj import CRS
from pystac.validation import validate_dict

from tasks.core.metadata.descriptions import identifier
from tasks.core.metadata.stac.stac_item import stac_item, to_json
from tasks.core.product.edition import Event
from tasks.core.product.layer import FailedTile, Layer
from tasks.core.product.layer_assembly import assemble


def _properties(**changes: Any) -> dict[str, Any]:
    return dict(stac_item(resource(**changes))["properties"])


def _links(rel: str, **changes: Any) -> list[dict[str, Any]]:
    return [link for link in stac_item(resource(**changes))["links"] if link["rel"] == rel]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"sources": (frame(1, None),), "event": Event(), "licence": None, "attribution": None, "previous_hash": None},
        {"sources": (frame(1, "2022-02"),), "licence": "Free for relief work"},
        {"name": "洪水 2022", "sources": ()},
    ],
    ids=["all", "little", "words", "script"],
)
def test_pystac_validates_every_item_without_a_network(changes: dict[str, Any]) -> None:
    """The schemas of STAC 1.1 that pystac ships take what is written, and pystac reads it back."""
    item = json.loads(to_json(stac_item(resource(**changes))))
    assert validate_dict(item | {"stac_extensions": []}) == [
        "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/item.json"
    ]
    assert pystac.Item.from_dict(item).id == item["id"]


def test_a_product_without_ground_has_no_geometry_and_no_box() -> None:
    """STAC knows items without a place; theirs is not made up."""
    item = stac_item(resource(made_of=[Layer("tiles", "MultiPolygon", None, layers()[0].geometries[:0], {})]))
    assert item["geometry"] is None
    assert "bbox" not in item
    assert validate_dict(item | {"stac_extensions": []})


@pytest.mark.parametrize(
    ("time", "datetime", "start", "end"),
    [
        ("2022-02-28T01:31:05Z", "2022-02-28T01:31:05Z", "2022-02-28T01:31:05Z", "2022-02-28T01:31:05Z"),
        ("2022-02-28", None, "2022-02-28T00:00:00Z", "2022-02-28T23:59:59Z"),
        ("2022-02", None, "2022-02-01T00:00:00Z", "2022-02-28T23:59:59Z"),
    ],
)
def test_the_time_is_no_finer_than_it_is_known(time: str, datetime: str | None, start: str, end: str) -> None:
    """A month is a range; only a second is a moment."""
    properties = _properties(sources=(frame(1, time),))
    assert (properties["datetime"], properties["start_datetime"], properties["end_datetime"]) == (datetime, start, end)


def test_a_time_that_nobody_knows_is_that_of_the_run_and_says_so() -> None:
    """STAC wants a time: it must not pass for that of the flood."""
    properties = _properties(sources=(frame(1, None),))
    assert properties["datetime"] == MADE.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert properties["flood_extent:capture_precision"] == "unknown"
    assert "when the product was made" in properties["flood_extent:datetime_note"]
    assert "start_datetime" not in properties


def test_geometry_and_box_are_those_of_what_was_observed() -> None:
    """Catalogues find the product where it says something, in its CRS, too."""
    item = stac_item(resource())
    geometry = shapely.geometry.shape(item["geometry"])
    assert geometry.is_valid
    assert item["bbox"] == pytest.approx(geometry.bounds)
    (observed,) = (one.geometries for one in layers() if one.base == "area_observed")
    assert item["properties"]["proj:code"] == "EPSG:7855"
    assert shapely.geometry.shape(item["properties"]["proj:geometry"]).equals(shapely.union_all(observed))
    assert item["properties"]["proj:bbox"] == pytest.approx(shapely.total_bounds(observed).tolist())


def test_a_crs_without_a_code_is_given_as_wkt2() -> None:
    """The projection extension then wants a null code."""
    wkt = CRS("+proj=tmerc +lat_0=0 +lon_0=146.5 +k=0.9996 +x_0=500000 +y_0=10000000 +ellps=GRS80").to_wkt()
    properties = _properties(made_of=layers(wkt))
    assert properties["proj:code"] is None
    assert properties["proj:wkt2"] == wkt


def test_files_have_their_size_and_a_multihash() -> None:
    """The file extension wants the kind of hash (0x12) and its length (0x20) before it."""
    assets = stac_item(resource())["assets"]
    package = assets["flood_extent.gpkg"]
    assert package["file:size"] == 1000
    assert bytes.fromhex(package["file:checksum"]) == b"\x12\x20" + bytes.fromhex(SHA)
    assert (package["type"], package["roles"]) == ("application/geopackage+sqlite3", ["data"])
    assert assets["overview.png"]["roles"] == ["overview", "thumbnail"]


def test_parts_and_single_tiles_are_no_assets_of_their_own() -> None:
    """A shapefile is one asset, a thousand tiles none; the record, which comes last, is named without a hash."""
    assets = stac_item(resource())["assets"]
    assert sorted(assets) == [
        "flood_extent.gpkg",
        "flood_extent.parquet",
        "flood_extent.shp",
        "overview.png",
        "run.json",
    ]
    assert "file:checksum" not in assets["run.json"]


def test_a_file_of_one_layer_lists_its_columns() -> None:
    """The table extension says what a reader finds, where names are not cut."""
    assets = stac_item(resource())["assets"]
    columns = [column["name"] for column in assets["flood_extent.parquet"]["table:columns"]]
    assert columns == ["geometry", "flood_id", "area_m2", "tile_count", "conf_mean", "conf_p10", "cloud_frac"]
    assert assets["flood_extent.parquet"]["table:row_count"] == 2
    assert "table:columns" not in assets["flood_extent.shp"]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("rasters/labels.tif", {0: "other", 1: "flood", 2: "flood_with_cloud", 3: "ignored", 255: "not_observed"}),
        ("rasters/flood_epsg7855.tif", {0: "no_flood", 1: "flood", 255: "not_observed"}),
    ],
)
def test_a_raster_of_classes_says_what_its_values_are(name: str, values: dict[int, str]) -> None:
    """No flood is not no answer: 0 and 255 are told apart."""
    asset = stac_item(resource(files=(name,)))["assets"][name]
    assert {one["value"]: one["name"] for one in asset["classification:classes"]} == values
    assert [one["value"] for one in asset["classification:classes"] if one.get("nodata")] == [255]
    assert asset["type"] == "image/tiff; application=geotiff; profile=cloud-optimized"


def test_in_several_crss_each_file_has_its_own() -> None:
    """The item has none then: a reader must not take one zone's coordinates for another's."""
    two = [replace(one, suffix=f"_epsg{code}") for code in (7855, 7856) for one in layers(f"EPSG:{code}")]
    files = ("flood_extent.gpkg", "flood_extent_epsg7856.shp", "rasters/flood_epsg7855.tif")
    item = stac_item(resource(files=files, made_of=two))
    assert not [name for name in item["properties"] if name.startswith("proj:")]
    codes = {name: asset.get("proj:code") for name, asset in item["assets"].items() if name in files}
    assert codes == dict(zip(files, (None, "EPSG:7856", "EPSG:7855"), strict=True))


def test_a_geodatabase_is_one_asset() -> None:
    """It is a folder: it has a size, and no hash."""
    files = tuple(f"flood_extent.gdb/a0000000{number}.gdbtable" for number in (1, 2))
    asset = stac_item(resource(files=files))["assets"]["flood_extent.gdb"]
    assert (asset["href"], asset["file:size"]) == ("./flood_extent.gdb", 2000)
    assert "file:checksum" not in asset


def test_addresses_of_files_are_relative_and_escaped() -> None:
    """The product can be copied anywhere; a blank in a name is no end of an address."""
    asset = stac_item(resource(files=("cems/my area.shp",)))["assets"]["cems/my area.shp"]
    assert asset["href"] == "./cems/my%20area.shp"


def test_frames_are_linked_by_their_place_in_the_cloud() -> None:
    """Lineage can be followed: one link a frame that was answered."""
    links = _links("derived_from")
    assert [link["href"] for link in links] == ["s3://bucket/north/frame 1.jp2", "s3://bucket/north/frame 2.jp2"]
    assert links[0]["flood_extent:captured"] == "2022-02-28"


def test_folders_of_the_machine_and_credentials_are_not_published() -> None:
    """Of a local frame only its name below the dataset is given."""
    local = frame(1, uri="/home/ana/secret project/frame 1.jp2")
    keyed = frame(2, uri="https://ana:pw123@example.org/frame.jp2?X-Amz-Signature=abc")
    text = to_json(stac_item(resource(sources=(local, keyed)))).decode()
    assert '"north/frame%201.jp2"' in text
    assert not re.search('home|secret project|pw123|abc"', text)


def test_the_release_before_is_named_by_its_hash() -> None:
    """RFC 6920 names what is known of it: its content."""
    (link,) = _links("predecessor-version")
    name = link["href"].removeprefix("ni:///sha-256;")
    assert urlsafe_b64decode(name + "=").hex() == PREVIOUS
    assert _properties()["flood_extent:previous_content_hash"] == PREVIOUS
    assert not _links("predecessor-version", previous_hash=None, release=1)


@pytest.mark.parametrize(
    ("licence", "field", "page"),
    [
        ("cc-by-4.0", "CC-BY-4.0", "https://spdx.org/licenses/CC-BY-4.0.html"),
        ("See https://example.org/terms.", "other", "https://example.org/terms"),
        ("Free for relief work", "other", None),
        ("CC-BY-4.0 OR ODbL-1.0", "other", None),
        ("LicenseRef-agency", "other", None),
        (None, None, None),
    ],
)
def test_a_licence_is_spdx_or_other_or_not_stated(licence: str | None, field: str | None, page: str | None) -> None:
    """Words are no identifier: they stand beside ``other``; nothing is made up where nobody stated one."""
    item = stac_item(resource(licence=licence))
    assert item["properties"].get("license") == field
    assert [link["href"] for link in item["links"] if link["rel"] == "license"] == ([page] if page else [])
    assert item["properties"].get("flood_extent:licence") == (licence if field == "other" else None)


def test_weaknesses_stand_in_the_description_and_as_a_list() -> None:
    """A reader of the catalogue learns what was not seen without opening a file."""
    properties = _properties()
    weaknesses = properties["flood_extent:weaknesses"]
    assert weaknesses[0] == "Trees hide water."
    assert any("not assessed: whether there is flood, nobody knows" in one for one in weaknesses)
    assert all(f"- {one}" in properties["description"] for one in weaknesses)


def test_frames_without_a_place_are_a_weakness_of_their_own() -> None:
    """No area can count them."""
    lost = FailedTile("d", "prepare", "no georeference", 0.0)
    made_of = [*layers(), *assemble([], [lost], 0.0)]
    assert any(
        "nobody knows what ground they show: 1" in one
        for one in _properties(made_of=made_of)["flood_extent:weaknesses"]
    )
    assert not any("what ground they show" in one for one in _properties()["flood_extent:weaknesses"])


def test_monty_has_country_hazard_and_event() -> None:
    """The rules of Monty 1.3 for a response: role, three-letter countries, one UNDRR code, the event's id, a type."""
    item = stac_item(resource())
    properties = item["properties"]
    assert "https://ifrcgo.org/monty-stac-extension/v1.3.0/schema.json" in item["stac_extensions"]
    assert properties["roles"] == ["response"]
    assert properties["monty:country_codes"] == ["AUS"]
    assert [bool(re.fullmatch(r"[A-Z]{2}\d{4}", code)) for code in properties["monty:hazard_codes"]].count(True) == 1
    assert properties["monty:corr_id"] == properties["monty:src_event_id"] == "FL-2022-000161-AUS"
    detail = properties["monty:response_detail"]
    assert set(detail) <= {"type", "source_id", "status", "producer", "methodology"}
    assert re.fullmatch(r"(eo|hum|fin)-[a-z0-9]+(-[a-z0-9]+)*", detail["type"])
    assert detail["methodology"] in {"human_interpreted", "semi_automated", "automated", "modelled"}


def test_without_a_country_there_is_no_monty() -> None:
    """It requires countries, and none is guessed; every extension that is named has a field in the item."""
    item = stac_item(resource(event=Event("EMSR504")))
    assert not any("monty" in name for name in [*item["properties"], *item["stac_extensions"]])
    assert item["properties"]["flood_extent:event_id"] == "EMSR504"


@pytest.mark.parametrize(
    ("name", "id_"),
    [
        ("lismore_2022", "lismore_2022-r2"),
        ("Lismore, 2022", "Lismore-2022-r2"),
        ("洪水", f"{hashlib.sha256('洪水'.encode()).hexdigest()[:8]}-r2"),
        ("...", "product-r2"),
    ],
)
def test_an_id_has_legal_characters_and_stays(name: str, id_: str) -> None:
    """STAC's best practices allow letters, digits, ``-``, ``_`` and ``.``; names of other scripts stay apart."""
    assert identifier(edition(name=name)) == id_


def test_the_same_product_gives_the_same_bytes() -> None:
    """A release can be made again and compared."""
    assert to_json(stac_item(resource())) == to_json(stac_item(resource()))
