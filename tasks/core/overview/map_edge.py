"""What stands around a map: neat line, graticule with its labels, corners in degrees, scale bar, north arrow."""

import math
from functools import lru_cache

import numpy as np
import pyproj

from tasks.core.geo.crs import horizontal, is_geographic
from tasks.core.overview.canvas import INK, PAPER, Canvas, Colour, Style
from tasks.core.overview.map_frame import Box, MapFrame

LABEL_MM, EDGE_MM = 2.6, 4.6
TICK_MM, CROSS_MM = 1.6, 1.6
ROUND_STEPS = (1, 2, 5, 10)
TICKS = 6
NEAT_MM = 0.3
BAR_MM = 1.6
ARROW_MM = 9.0
CROSS_INK: Colour = (60, 60, 60)
NORTHS_ALIKE_DEGREES = 0.5
TRUE_NORTH: Colour = (40, 40, 210)


def draw_edge(canvas: Canvas, box: Box, frame: MapFrame, crs: str) -> None:
    """Neat line, ticks, crosses and labels of the map in ``box``; they need ``EDGE_MM`` outside of it."""
    west, south, east, north = frame.bounds
    count = max(2, round(TICKS * min(1.0, box.width / 250))), max(2, round(TICKS * min(1.0, box.height / 250)))
    eastings, northings = ticks(west, east, count[0]), ticks(south, north, count[1])
    columns = frame.on_paper(np.array([(x, north) for x in eastings]).reshape(-1, 2), box)[:, 0]
    rows = frame.on_paper(np.array([(west, y) for y in northings]).reshape(-1, 2), box)[:, 1]
    for x in columns:
        for y in rows:
            _cross(canvas, float(x), float(y))
    names = tick_names(eastings, crs, "EW"), tick_names(northings, crs, "NS")
    for x, name in zip(columns.tolist(), names[0], strict=True):
        for edge, inwards, baseline in ((box.top, 1, -1.3), (box.bottom, -1, 3.2)):
            canvas.line(np.array([(x, edge), (x, edge + inwards * TICK_MM)]), INK, NEAT_MM)
            _label(canvas, (x, edge + baseline), name, (box.left, box.right))
    for y, name in zip(rows.tolist(), names[1], strict=True):
        for edge, inwards, baseline in ((box.left, 1, -1.3), (box.right, -1, 3.2)):
            canvas.line(np.array([(edge, y), (edge + inwards * TICK_MM, y)]), INK, NEAT_MM)
            _label(canvas, (edge + baseline, y), name, (box.top, box.bottom), upwards=True)
    canvas.line(np.vstack([box.outline, box.outline[:1]]), INK, NEAT_MM)


def draw_scale_bar(canvas: Canvas, place: tuple[float, float], frame: MapFrame, mm_per_px: float, most: float) -> float:
    """Draw the bar below ``place``, as long as round lengths allow up to ``most`` mm; its length, mm."""
    length_px, label = frame.scale_bar(most / mm_per_px)
    length, (left, top) = length_px * mm_per_px, place
    for part, colour in enumerate((INK, PAPER, INK, PAPER)):
        bar = Box(left + part * length / 4, top, length / 4, BAR_MM)
        canvas.area([bar.outline], Style(fill=colour, line=INK, line_mm=0.2))
    number, unit = label.split()
    for share, name in ((0.0, "0"), (0.5, f"{float(number) / 2:g}"), (1.0, number)):
        canvas.text((left + share * length, top - 1.2), name, LABEL_MM, anchor="middle")
    canvas.text((left + length + 1 + LABEL_MM * len(number) * 0.3, top - 1.2), unit, LABEL_MM)
    return length


def draw_arrow(canvas: Canvas, place: tuple[float, float], true_north: float) -> None:
    """Draw grid north as an arrow whose foot is at ``place``, and true north as a line where it differs."""
    x, y = place
    half = ARROW_MM / 3.2
    left = np.array([(x, y - ARROW_MM), (x - half, y), (x, y - ARROW_MM / 4)])
    right = np.array([(x, y - ARROW_MM), (x + half, y), (x, y - ARROW_MM / 4)])
    canvas.area([left], Style(fill=INK, line=INK, line_mm=0.2))
    canvas.area([right], Style(fill=PAPER, line=INK, line_mm=0.2))
    if abs(true_north) > NORTHS_ALIKE_DEGREES:
        angle = math.radians(true_north)
        tip = (x + ARROW_MM * math.sin(angle), y - ARROW_MM * math.cos(angle))
        canvas.line(np.array([(x, y), tip]), TRUE_NORTH, 0.35)


def north_text(true_north: float, crs: str) -> str:
    """What the arrow shows."""
    if is_geographic(crs):
        return "North"
    if abs(true_north) <= NORTHS_ALIKE_DEGREES:
        return "Grid north"
    return f"Grid north; true north {abs(true_north):.1f}\N{DEGREE SIGN} {'east' if true_north > 0 else 'west'} of it"


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers between two, at most some ``most`` of them."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(one for one in ROUND_STEPS if one * power >= rough * (1 - 1e-9))
    return [number * step for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def tick_names(values: list[float], crs: str, letters: str) -> list[str]:
    """``501,000 E`` of metres or feet; ``147.25° E`` of degrees."""
    step = min(np.diff(values).tolist(), default=1.0)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    if not is_geographic(crs):
        return [f"{value:,.{digits}f} {letters[0]}" for value in values]
    return [f"{abs(value):.{digits}f}\N{DEGREE SIGN} {letters[value < 0]}" for value in values]


def corner_names(frame: MapFrame, crs: str) -> list[tuple[str, str]]:
    """Longitude and latitude of the lower left and of the upper right corner, in degrees, minutes and seconds."""
    west, south, east, north = frame.bounds
    places = [_degrees(crs).transform(x, y) for x, y in ((west, south), (east, north))]
    return [(dms(longitude, "EW"), dms(latitude, "NS")) for longitude, latitude in places]


def dms(degrees: float, letters: str) -> str:
    """Degrees, minutes and seconds, ``36°08'45" S`` with primes for quotes; empty where it is not known."""
    if not math.isfinite(degrees):
        return ""
    minutes, seconds = divmod(round(abs(degrees) * 3600), 60)
    whole, minutes = divmod(minutes, 60)
    return f"{whole}\N{DEGREE SIGN}{minutes:02}\N{PRIME}{seconds:02}\N{DOUBLE PRIME} {letters[degrees < 0]}"


def true_north_degrees(frame: MapFrame, crs: str) -> float:
    """By how much true north lies east of grid north in the middle of the map; 0 where it is not known."""
    west, south, east, north = frame.bounds
    x, y = (west + east) / 2, (south + north) / 2
    if is_geographic(crs):
        return 0.0
    longitude, latitude = _degrees(crs).transform(x, y)
    x_up, y_up = _degrees(crs).transform(longitude, latitude + 1e-4, direction="INVERSE")
    angle = math.degrees(math.atan2(x_up - x, y_up - y))
    return angle if math.isfinite(angle) else 0.0


@lru_cache(maxsize=16)
def _degrees(crs: str) -> pyproj.Transformer:
    """To longitude and latitude of the CRS's own datum."""
    ground = horizontal(crs)
    return pyproj.Transformer.from_crs(ground, ground.geodetic_crs or "EPSG:4326", always_xy=True)


def _cross(canvas: Canvas, x: float, y: float) -> None:
    for colour, width, reach in ((PAPER, 0.4, CROSS_MM), (CROSS_INK, 0.15, CROSS_MM)):
        canvas.line(np.array([(x - reach, y), (x + reach, y)]), colour, width)
        canvas.line(np.array([(x, y - reach), (x, y + reach)]), colour, width)


def _label(
    canvas: Canvas, place: tuple[float, float], name: str, ends: tuple[float, float], *, upwards: bool = False
) -> None:
    """A tick's label, unless it would stand out beyond the map's ends."""
    half = LABEL_MM * len(name) * 0.27
    along = place[1] if upwards else place[0]
    if ends[0] + half <= along <= ends[1] - half:
        canvas.text(place, name, LABEL_MM, anchor="middle", upwards=upwards)
