"""Styles in the GeoPackage and beside the other files, read as text and as a database."""

import shutil
import sqlite3
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from styled_layers import MADE, every_layer

from tasks.core.formats import product_files
from tasks.core.formats.geopackage import GEOPACKAGE
from tasks.core.styles.qgis_project import write_project
from tasks.core.styles.qml import qml
from tasks.core.styles.sld import OGC, SLD, sld
from tasks.core.styles.style_files import write_style_files
from tasks.core.styles.symbology import style_of

SPATIAL = [layer for layer in every_layer() if not layer.is_table]
OGRINFO = shutil.which("ogrinfo")
# What an element may hold, in this order: OGC 02-070, StyledLayerDescriptor.xsd 1.0.0, and Filter Encoding 1.0.0.
SYMBOLIZERS = ["LineSymbolizer", "PolygonSymbolizer", "PointSymbolizer", "TextSymbolizer"]
LOGIC = ["And", "Or", "Not"]
COMPARED = [f"PropertyIs{kind}" for kind in ("EqualTo", "LessThanOrEqualTo", "GreaterThan")]
ANY = [*COMPARED, "PropertyIsNull", *LOGIC]
ORDERED = {
    "StyledLayerDescriptor": ["NamedLayer"],
    "NamedLayer": ["Name", "UserStyle"],
    "UserStyle": ["Name", "FeatureTypeStyle"],
    "FeatureTypeStyle": ["Rule"],
    "PointSymbolizer": ["Graphic"],
    "LineSymbolizer": ["Stroke"],
    "PolygonSymbolizer": ["Fill", "Stroke"],
    "TextSymbolizer": ["Label", "Font", "LabelPlacement", "Halo", "Fill"],
    "Fill": ["GraphicFill", "CssParameter"],
    "GraphicFill": ["Graphic"],
    "Graphic": ["Mark", "Opacity", "Size", "Rotation"],
    "Mark": ["WellKnownName", "Fill", "Stroke"],
    "Stroke": ["CssParameter"],
    "Font": ["CssParameter"],
    "Label": ["PropertyName"],
    "LabelPlacement": ["PointPlacement"],
    "PointPlacement": ["AnchorPoint"],
    "AnchorPoint": ["AnchorPointX", "AnchorPointY"],
    "Halo": ["Radius", "Fill"],
    **{name: ["PropertyName", "Literal"] for name in COMPARED},
    "PropertyIsNull": ["PropertyName"],
}
UNORDERED = {"Filter": (ANY, 1, 1), "Not": (ANY, 1, 1), "And": (ANY, 2, 99), "Or": (ANY, 2, 99)}


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _wrong(element: ET.Element) -> list[str]:
    """What the schema does not allow in an element and below it."""
    name, inside = _local(element), [_local(child) for child in element]
    below = [fault for child in element for fault in _wrong(child)]
    if name in UNORDERED:
        allowed, least, most = UNORDERED[name]
        right = set(inside) <= set(allowed) and least <= len(inside) <= most
    elif name == "Rule":
        head = [one for one in inside if one not in SYMBOLIZERS]
        right = head in (["Name", "Title"], ["Name", "Title", "Filter"]) and inside[: len(head)] == head
    else:
        order = ORDERED.get(name, [])
        right = set(inside) <= set(order) and inside == sorted(inside, key=order.index)
    return [*([] if right else [f"{name}: {inside}"]), *below]


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A product's folder with every layer, its style files, and stand-ins for files of other formats."""
    folder = tmp_path_factory.mktemp("product")
    product_files.write_layers(every_layer(), folder, made=MADE)
    for name in ("flatgeobuf/tiles.fgb", "geojson/tiles.geojson", "geoparquet/tiles.parquet", "geojson/x.geojson"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    write_style_files(folder, every_layer())
    return folder


@pytest.mark.parametrize("layer", SPATIAL, ids=lambda layer: layer.name)
def test_an_sld_is_built_as_its_schema_says(layer: object) -> None:
    """Map servers refuse elements in another order; and a filter asks for columns that the layer has."""
    style = style_of(layer.base, layer.geometry_type, layer.columns)
    assert style is not None
    root = ET.fromstring(sld(style, layer.name))  # noqa: S314 - our own
    assert _wrong(root) == []
    assert {element.text for element in root.iter(f"{{{OGC}}}PropertyName")} <= set(layer.columns)
    assert root.findtext(f".//{{{SLD}}}NamedLayer/{{{SLD}}}Name") == layer.name


@pytest.mark.parametrize("layer", SPATIAL, ids=lambda layer: layer.name)
def test_a_qml_has_a_symbol_for_every_rule(layer: object) -> None:
    """Each rule names a symbol that is there, of the layer's kind."""
    style = style_of(layer.base, layer.geometry_type, layer.columns)
    assert style is not None
    root = ET.fromstring(qml(style))  # noqa: S314 - our own
    symbols = {one.get("name"): one.get("type") for one in root.findall("renderer-v2/symbols/symbol")}
    assert [rule.get("symbol") for rule in root.iter("rule")] in ([], list(symbols))
    assert set(symbols.values()) == {["marker", "line", "fill"][int(root.findtext("layerGeometryType", ""))]}


def test_the_table_is_the_one_that_qgis_makes(product: Path) -> None:
    """A default style for every layer with a place, none for tables, as old as the run; registered as attributes."""
    with sqlite3.connect(product / GEOPACKAGE) as database:
        columns = [row[1] for row in database.execute("pragma table_info(layer_styles)")]
        rows = database.execute("select f_table_name, f_geometry_column, useAsDefault, update_time from layer_styles")
        styled = rows.fetchall()
        kind = database.execute("select data_type, srs_id from gpkg_contents where table_name = 'layer_styles'")
        assert kind.fetchall() == [("attributes", 0)]
        assert database.execute("pragma integrity_check").fetchall() == [("ok",)]
    assert columns[1:] == [
        "f_table_catalog",
        "f_table_schema",
        "f_table_name",
        "f_geometry_column",
        "styleName",
        "styleQML",
        "styleSLD",
        "useAsDefault",
        "description",
        "owner",
        "ui",
        "update_time",
    ]
    assert styled == [(layer.name, "geom", 1, "2026-03-09T23:59:58.007Z") for layer in SPATIAL]


def test_a_style_that_is_added_is_counted(product: Path, tmp_path: Path) -> None:
    """The triggers keep GDAL's count right when a person saves a style of their own."""
    shutil.copy(product / GEOPACKAGE, tmp_path)
    with sqlite3.connect(tmp_path / GEOPACKAGE) as database:
        database.execute("insert into layer_styles (f_table_name) values ('tiles')")
        count = "select feature_count from gpkg_ogr_contents where table_name = 'layer_styles'"
        assert database.execute(count).fetchall() == [(len(SPATIAL) + 1,)]


@pytest.mark.skipif(OGRINFO is None, reason="no ogrinfo on this machine: apt-get install gdal-bin")
def test_ogrinfo_finds_nothing_wrong(product: Path) -> None:
    """GDAL's own program reads every table, the styles among them, without an error; no geometry is invalid."""
    read = subprocess.run(
        [str(OGRINFO), "-ro", "-al", product / GEOPACKAGE], capture_output=True, text=True, check=True
    )
    assert "ERROR" not in read.stdout + read.stderr
    assert read.stdout.count("\nLayer name: ") == len(every_layer()) + 1
    invalid = [f'SELECT fid FROM "{layer.name}" WHERE NOT ST_IsValid(geom)' for layer in SPATIAL]  # noqa: S608
    query = f"SELECT count(*) AS n FROM ({' UNION ALL '.join(invalid)})"  # noqa: S608 - our own names
    asked = [str(OGRINFO), "-ro", "-q", product / GEOPACKAGE, "-sql", query]
    assert "n (Integer) = 0" in subprocess.run(asked, capture_output=True, text=True, check=True).stdout


def test_styles_lie_beside_files_of_the_whole(product: Path) -> None:
    """Every vector file without styles of its own has both, other files and those of single tiles none."""
    assert (product / "tiles").is_dir()
    files = {path.relative_to(product).as_posix() for path in product.rglob("*") if path.suffix in (".qml", ".sld")}
    stems = {path.stem for path in product.glob("*.shp")}
    stems |= {"flatgeobuf/tiles", "geojson/tiles", "geoparquet/tiles"}
    assert files == {f"{stem}{ending}" for stem in stems for ending in (".qml", ".sld")}


def test_a_project_is_of_its_layers_alone(product: Path) -> None:
    """It names the GeoPackage beside it, so that the folder may go anywhere, and nothing of this machine."""
    project = write_project(product / GEOPACKAGE, every_layer())
    root = ET.parse(project).getroot()  # noqa: S314 - our own
    sources = {one.text for one in root.findall("projectlayers/maplayer/datasource")}
    assert sources == {f"./flood_extent.gpkg|layername={layer.name}" for layer in every_layer()}
    assert str(product) not in project.read_text()
