"""Styles beside the vector files that cannot hold any."""

from collections.abc import Sequence
from pathlib import Path

from tasks.core.product.layer import Layer
from tasks.core.styles.qml import qml
from tasks.core.styles.sld import sld
from tasks.core.styles.symbology import style_of

# Of the whole. Not tiles/*.shp: a state has thousands, and two more files beside each would help nobody.
STYLED = ("{}.shp", "flatgeobuf/{}.fgb", "geojson/{}.geojson", "geoparquet/{}.parquet")


def write_style_files(folder: Path, layers: Sequence[Layer]) -> None:
    """Write ``<stem>.qml`` and ``<stem>.sld`` beside each vector file of the whole.

    Args:
        folder: The product's folder, with its vector files.
        layers: Those that the files were written from.
    """
    for layer in layers:
        style = style_of(layer.base, layer.geometry_type, layer.columns)
        if style is None:
            continue
        for path in (folder / pattern.format(layer.name) for pattern in STYLED):
            if path.is_file():
                path.with_suffix(".qml").write_text(qml(style), encoding="utf-8")
                path.with_suffix(".sld").write_text(sld(style, layer.name), encoding="utf-8")
