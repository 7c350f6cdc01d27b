"""When a frame was taken, and with what, where its metadata say so.

Only items whose name speaks of the capture count: the date of a file (``TIFFTAG_DATETIME``) is that of an export.

Sources: GDAL's raster data model (domain IMAGERY: ACQUISITIONDATETIME, SATELLITEID); OGC 08-085r8 (GMLJP2), whose
features carry a ``gml:validTime`` (OGC 07-036, ``gml:timePosition``, ``gml:beginPosition``).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

CAPTURE_ITEM = re.compile(r"acqui|captur|flight|flown|sensing|date_?time_?original", re.IGNORECASE)
SENSOR_ITEM = re.compile(r"sensor|camera|satellite_?id", re.IGNORECASE)
GML_TIME = re.compile(r"<(?:\w+:)?(?:timePosition|beginPosition)[^>]*>\s*([0-9TZ:.+-]{7,40})\s*<")
MOST_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Capture:
    """What metadata say, as they say it.

    Attributes:
        time: Text that names one time or several; None where nothing does.
        sensor: Name of sensor or camera; None where nothing says.
    """

    time: str | None = None
    sensor: str | None = None


NOTHING_SAID = Capture()


def read_capture(items: Mapping[str, str], gml: Iterable[str]) -> Capture:
    """Find it in metadata items by name, and in the GML of a GMLJP2 file."""
    times = [value for name, value in items.items() if CAPTURE_ITEM.search(name) and any(map(str.isdigit, value))]
    times += [time for text in gml for time in GML_TIME.findall(text)]
    sensors = [value.strip() for name, value in items.items() if SENSOR_ITEM.search(name) and value.strip()]
    return Capture(
        " ".join(dict.fromkeys(times))[:MOST_CHARACTERS] or None,
        ", ".join(dict.fromkeys(sensors))[:MOST_CHARACTERS] or None,
    )
