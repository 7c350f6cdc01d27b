"""Styles inside a GeoPackage: the table ``layer_styles``, from which QGIS takes a layer's look.

Source: what QGIS 3.22 makes when a style is saved into a GeoPackage; GeoPackage 1.4, clause 2.4 (attributes). A table
of attributes is no extension, so it needs a row in ``gpkg_contents`` alone; ``gpkg_ogr_contents`` is GDAL's own count
of rows.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from tasks.core.product.layer import Layer
from tasks.core.styles.qml import qml
from tasks.core.styles.sld import sld
from tasks.core.styles.symbology import style_of

TABLE = "layer_styles"
SCHEMA = """
CREATE TABLE layer_styles (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    f_table_catalog TEXT(256),
    f_table_schema TEXT(256),
    f_table_name TEXT(256),
    f_geometry_column TEXT(256),
    styleName TEXT(30),
    styleQML TEXT,
    styleSLD TEXT,
    useAsDefault BOOLEAN,
    description TEXT,
    owner TEXT(30),
    ui TEXT(30),
    update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
)
"""
COUNTED = """
CREATE TRIGGER trigger_{when}_feature_count_layer_styles AFTER {when} ON layer_styles BEGIN
    UPDATE gpkg_ogr_contents SET feature_count = feature_count {sign} 1 WHERE lower(table_name) = lower('layer_styles');
END
"""
# A style is as old as its layer: the time of the run.
ADD_STYLE = """
INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, styleQML,
    styleSLD, useAsDefault, description, owner, ui, update_time)
SELECT '', '', table_name, column_name, ?, ?, ?, 1, ?, '', NULL, last_change
FROM gpkg_contents JOIN gpkg_geometry_columns USING (table_name) WHERE table_name = ?
"""
ADD_CONTENTS = """
INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change, srs_id)
SELECT 'layer_styles', 'attributes', 'layer_styles', 'How GIS programs draw the layers', max(last_change), 0
FROM gpkg_contents
"""


def write_style_table(package: Path, layers: Sequence[Layer]) -> None:
    """Add the styles of the layers that have one to a GeoPackage that holds the layers, but no styles.

    Raises:
        sqlite3.Error: It cannot be written.
    """
    styles = [(layer, style_of(layer.base, layer.geometry_type, layer.columns)) for layer in layers]
    rows = [
        (layer.base, qml(style), sld(style, layer.name), ", ".join(rule.title for rule in style.rules), layer.name)
        for layer, style in styles
        if style
    ]
    if not rows:
        return
    with closing(sqlite3.connect(package)) as database, database:
        database.execute("PRAGMA synchronous = OFF")
        database.execute(SCHEMA)
        database.executemany(ADD_STYLE, rows)
        database.execute(ADD_CONTENTS)
        database.execute("INSERT INTO gpkg_ogr_contents VALUES (?, ?)", (TABLE, len(rows)))
        for when, sign in (("INSERT", "+"), ("DELETE", "-")):
            database.execute(COUNTED.format(when=when, sign=sign))
