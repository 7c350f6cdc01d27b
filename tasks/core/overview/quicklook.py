"""``imagery.jpg``: the imagery of a product in small, with its place, for whatever is drawn on it later.

The place stands in GDAL's ``.aux.xml`` beside it: transform and CRS. Ground that nobody looked at is paper.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

import cv2
import pyproj
import shapely

from tasks.core.geo.crs import crs_name
from tasks.core.geo.grid import Grid
from tasks.core.imagery.jpeg_header import size_of
from tasks.core.overview.map_frame import MapFrame
from tasks.core.overview.map_painting import blank_unseen
from tasks.core.overview.mosaic import Images, mosaic
from tasks.core.overview.sheets.figures import by_suffix, placed
from tasks.core.product.layer import Layer

STEM, PICTURE, PLACE = "imagery", ".jpg", ".jpg.aux.xml"
LONG_SIDE_PX = 2400  # as fine as a sheet
QUALITY = 90


class Quicklook(NamedTuple):
    """The imagery of one CRS in small.

    Attributes:
        grid: Of its pixels.
        jpeg: Near infrared, red, green as red, green, blue.
    """

    grid: Grid
    jpeg: bytes


def write_quicklook(layers: Sequence[Layer], images: Images, folder: Path) -> list[Quicklook]:
    """Draw the imagery of the CRS with most tiles, and write it with its place; nothing where no tile has one.

    All that is drawn of a product is drawn on it, so that each tile's image is read once.

    Args:
        layers: The product's.
        images: Grid and JPEG or PNG of each tile, read one at a time.
        folder: The product's.
    """
    groups = by_suffix(layers)
    group = groups[max(groups, key=lambda one: placed(groups[one]))] if groups else {}
    if not group or not placed(group):
        return []
    tiles, crs = group["tiles"], str(group["tiles"].crs)
    west, south, east, north = shapely.total_bounds(tiles.geometries).tolist()
    frame = MapFrame.around((west, south, east, north), crs, LONG_SIDE_PX)
    picture = mosaic(frame, images, crs)
    blank_unseen(picture, frame, group)
    _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    (folder / f"{STEM}{PICTURE}").write_bytes(encoded.tobytes())
    (folder / f"{STEM}{PLACE}").write_bytes(_place(frame, crs))
    return read_quicklook(folder)


def _place(frame: MapFrame, crs: str) -> bytes:
    root = ET.Element("PAMDataset")
    ET.SubElement(root, "SRS", dataAxisToSRSAxisMapping="1,2").text = pyproj.CRS.from_user_input(crs).to_wkt()
    terms = (frame.west, 1 / frame.x_scale, 0.0, frame.north, 0.0, -1 / frame.y_scale)
    ET.SubElement(root, "GeoTransform").text = ", ".join(map(repr, terms))
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def read_quicklook(folder: Path) -> list[Quicklook]:
    """What ``write_quicklook`` has left; nothing where there is none that can be read."""
    try:
        root = ET.fromstring((folder / f"{STEM}{PLACE}").read_bytes())  # noqa: S314 - written by ourselves
        jpeg = (folder / f"{STEM}{PICTURE}").read_bytes()
        x, across, _, y, _, down = (float(term) for term in root.findtext("GeoTransform", "").split(","))
        crs = crs_name(root.findtext("SRS", ""))
        width, height = size_of(jpeg)
        return [Quicklook(Grid(width, height, (across, 0.0, x, 0.0, down, y), str(crs)), jpeg)]
    except (OSError, ValueError, AttributeError, ET.ParseError, pyproj.exceptions.CRSError):
        return []
