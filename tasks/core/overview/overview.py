"""``overview.png``: a sheet with the imagery in small, the flood extent on it, and what was not assessed."""

import zlib
from collections.abc import Sequence
from io import BytesIO

import cv2
import numpy as np
from PIL import Image, PngImagePlugin

from tasks.core.arrays import UInt8Array
from tasks.core.overview import map_edge
from tasks.core.overview.canvas import PixelCanvas
from tasks.core.overview.map_frame import Box
from tasks.core.overview.map_painting import paint_map
from tasks.core.overview.mosaic import Images, mosaic
from tasks.core.overview.sheets.figures import Figures
from tasks.core.overview.sheets.sheet import draw_sheet
from tasks.core.overview.sheets.sheet_layout import LONG_MM, STRIP, Sheet
from tasks.core.product.edition import Edition
from tasks.core.product.layer import Layer

LONG_SIDE_PX = 2400
MM_PER_INCH = 25.4
MAP_KEY = "Map"
# Imagery under PNG's filters repeats itself in runs at most: to search for these alone takes six tenths of the time of
# zlib's default at the same level, for as many bytes; level 6 has a hundredth less, in four times that.
COMPRESSION = {"compress_level": 4, "compress_type": zlib.Z_RLE}


def draw(
    layers: Sequence[Layer],
    images: Images,
    *,
    edition: Edition,
    figures: Figures,
    long_side_px: int = LONG_SIDE_PX,
) -> bytes:
    """Draw the sheet, as PNG.

    Args:
        layers: The product's layers. Of several CRSs the one with most tiles is drawn, and a note says so.
        images: Grid (resized or full: only its ground counts) and JPEG or PNG of NRG of each tile, in small; read one
            at a time, and those of another CRS passed over.
        edition: Whose product it is: title, times, sources, rights, weaknesses.
        figures: Of ``run.json``.
        long_side_px: Of the sheet; memory grows with its square only, however many tiles there are.
    """
    sheet, scale = Sheet.of(layers, edition, figures), long_side_px / LONG_MM
    canvas = PixelCanvas.blank(sheet.layout.width, sheet.layout.height, scale)
    frame = sheet.frame(scale) if sheet.group else None
    if frame is not None:
        picture = mosaic(frame, images, sheet.crs)
        paint_map(picture, frame, sheet.group, scale)
        canvas.paste(picture, sheet.layout.map)
    draw_sheet(canvas, sheet, frame)
    return _png(canvas, edition, sheet.layout.map)


def map_part(png: bytes) -> bytes:
    """The map alone, with its edge and scale, out of a sheet that ``draw`` drew, as PNG: for where a sheet is too fine.

    Raises:
        ValueError: It is no such sheet.
    """
    with Image.open(BytesIO(png)) as picture:
        place = str(getattr(picture, "text", {}).get(MAP_KEY, "")).split()
        if len(place) != 4:  # noqa: PLR2004 - left, top, right, bottom
            raise ValueError(f"{len(png)} bytes that are no sheet: its text {MAP_KEY!r} does not say where the map is")
        left, top, right, bottom = (int(edge) for edge in place)
        part = BytesIO()
        picture.crop((left, top, right, bottom)).save(part, "PNG", **COMPRESSION)
    return part.getvalue()


def _png(canvas: PixelCanvas, edition: Edition, box: Box) -> bytes:
    edge = map_edge.EDGE_MM
    corners = (box.left - edge, box.top - edge, box.right + edge, box.bottom + edge + STRIP)
    about = PngImagePlugin.PngInfo()
    about.add_text(MAP_KEY, " ".join(str(round(value * canvas.scale)) for value in corners))
    about.add_itxt("Title", edition.title)
    picture, encoded = Image.fromarray(_rgb(canvas.picture)), BytesIO()
    dots = canvas.scale * MM_PER_INCH
    picture.save(encoded, "PNG", **COMPRESSION, pnginfo=about, dpi=(dots, dots))
    return encoded.getvalue()


def _rgb(picture: UInt8Array) -> UInt8Array:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
