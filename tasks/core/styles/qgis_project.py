"""A QGIS project beside the GeoPackage: all layers in the order of a map, under their titles.

It holds what a style cannot: the draw order, and which layers are off at first. The GeoPackage is named relative to it.

Source of the elements: what QGIS 3.22 writes. It reads files that leave out what is at its default.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree as ET

import pyproj
import shapely

from tasks.core.product.layer import Layer
from tasks.core.styles.qml import VERSION, add_style
from tasks.core.styles.symbology import DRAW_ORDER, OFF_AT_FIRST, style_of

DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
GEOMETRIES = ("Point", "Line", "Polygon")  # by ``Kind``
# Paths are relative, and the project has a CRS.
PROPERTIES = (("Paths", "Absolute", "bool", "false"), ("SpatialRefSys", "ProjectionsEnabled", "int", "1"))
MARGIN = 0.05  # of the extent's size, on each side


def write_project(package: Path, layers: Sequence[Layer]) -> Path:
    """Write ``<stem>.qgs`` beside a GeoPackage that holds these layers; returns its path.

    Raises:
        OSError: It cannot be written.
        sqlite3.Error: The GeoPackage cannot be read.
    """
    with closing(sqlite3.connect(package)) as database:
        titles = dict(database.execute("SELECT table_name, identifier FROM gpkg_contents"))
    root = ET.Element("qgis", projectname="", version=VERSION)
    spatial = [layer for layer in sorted(layers, key=_depth) if not layer.is_table]
    tables = [layer for layer in layers if layer.is_table]
    crs = next((layer.crs for layer in spatial if layer.crs), None)
    _crs(ET.SubElement(root, "projectCrs"), crs)
    tree, files = ET.SubElement(root, "layer-tree-group"), ET.SubElement(root, "projectlayers")
    for layer in (*spatial, *tables):
        source = f"./{package.name}|layername={layer.name}"
        _entry(tree, layer, titles[layer.name], source)
        _layer(files, layer, titles[layer.name], source)
    _extent(root, [layer for layer in spatial if layer.crs == crs])
    properties = ET.SubElement(root, "properties")
    for group, name, type_, value in PROPERTIES:
        ET.SubElement(ET.SubElement(properties, group), name, type=type_).text = value
    ET.indent(root)
    project = package.with_suffix(".qgs")
    project.write_text(DOCTYPE + ET.tostring(root, encoding="unicode") + "\n", encoding="utf-8")
    return project


def _depth(layer: Layer) -> int:
    return DRAW_ORDER.index(layer.base) if layer.base in DRAW_ORDER else 0


def _id(layer: Layer) -> str:
    """Of more than ten letters: QGIS passes over shorter ones."""
    return f"flood_extent_gpkg_{layer.name}"


def _entry(tree: ET.Element, layer: Layer, title: str, source: str) -> None:
    checked = "Qt::Unchecked" if layer.base in OFF_AT_FIRST else "Qt::Checked"
    names = {"id": _id(layer), "name": title, "source": source, "providerKey": "ogr"}
    ET.SubElement(tree, "layer-tree-layer", names, checked=checked, expanded="0")


def _layer(files: ET.Element, layer: Layer, title: str, source: str) -> None:
    style = style_of(layer.base, layer.geometry_type, layer.columns)
    geometry = GEOMETRIES[style.kind] if style else "No geometry"
    element = ET.SubElement(files, "maplayer", type="vector", geometry=geometry)
    for tag, text in (("id", _id(layer)), ("datasource", source), ("layername", title)):
        ET.SubElement(element, tag).text = text
    _crs(ET.SubElement(element, "srs"), layer.crs)
    ET.SubElement(element, "provider", encoding="UTF-8").text = "ogr"
    if style:
        add_style(element, style)


def _crs(parent: ET.Element, crs: str | None) -> None:
    """As WKT2: of a code alone QGIS would want its own number of the CRS, too."""
    if crs:
        wkt = pyproj.CRS.from_user_input(crs).to_wkt("WKT2_2019")
        ET.SubElement(ET.SubElement(parent, "spatialrefsys"), "wkt").text = wkt


def _extent(root: ET.Element, layers: Sequence[Layer]) -> None:
    """What the map shows at first: all that has a place."""
    shapes = [shape for layer in layers for shape in layer.geometries if shape is not None and not shape.is_empty]
    if not shapes:
        return
    west, south, east, north = shapely.total_bounds(shapes).tolist()
    x, y = (east - west) * MARGIN, (north - south) * MARGIN
    extent = ET.SubElement(ET.SubElement(root, "mapcanvas", name="theMapCanvas"), "extent")
    edges = {"xmin": west - x, "ymin": south - y, "xmax": east + x, "ymax": north + y}
    for tag, value in edges.items():
        ET.SubElement(extent, tag).text = repr(value)
