"""What GIS programs call the values of a raster of classes: files beside it, for a TIFF has colours but no names.

GDAL reads ``<file>.aux.xml`` (its element CategoryNames), and with it most programs. QGIS would list all 256 colours of
the table; of a style ``<stem>.qml`` beside the raster it takes the classes that there are.
"""

from pathlib import Path
from xml.sax.saxutils import quoteattr

from tasks.core.rasters.raster_kinds import Colour, RasterKind


def write_class_names(path: Path, kind: RasterKind) -> None:
    """Write both files beside a raster; the value for no data is in neither."""
    path.with_name(f"{path.name}.aux.xml").write_text(_categories(kind), "utf-8")
    path.with_suffix(".qml").write_text(_style(kind), "utf-8")


def _categories(kind: RasterKind) -> str:
    """A name for each value from 0 on, without a gap."""
    names = "".join(f"      <Category>{name}</Category>\n" for name, _ in _shown(kind).values())
    band = f'  <PAMRasterBand band="1">\n    <CategoryNames>\n{names}    </CategoryNames>\n  </PAMRasterBand>\n'
    return f"<PAMDataset>\n{band}</PAMDataset>\n"


def _style(kind: RasterKind) -> str:
    entries = "".join(
        f'        <paletteEntry value="{value}" label={quoteattr(name)} color="#{bytes(colour).hex()}" alpha="255"/>\n'
        for value, (name, colour) in _shown(kind).items()
    )
    palette = f"      <colorPalette>\n{entries}      </colorPalette>\n"
    renderer = f'    <rasterrenderer type="paletted" band="1" opacity="1">\n{palette}    </rasterrenderer>\n'
    return f'<qgis styleCategories="Symbology">\n  <pipe>\n{renderer}  </pipe>\n</qgis>\n'


def _shown(kind: RasterKind) -> dict[int, tuple[str, Colour]]:
    return {value: one for value, one in sorted(kind.classes.items()) if value != kind.no_data}
