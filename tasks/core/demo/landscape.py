"""An invented flooded landscape in metres: what the demo scene's tiles are painted from.

A river with meanders runs from west to east through a patchwork of fields; the water stands at one level against a
smooth terrain, so that shore lines, islands and backwaters are those of the terrain. Everything follows from a seed.

Positions are (x, y) in metres, x to the east and y to the *south* of the scene's upper left corner.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.core.arrays import Float32Array

Generator = np.random.Generator

CELL_M = 0.6
ROTATION = 0.16
FLOODED_SHARE = 0.36
RIVER_HALF_WIDTH_M = 17.0
MEANDER_M = 430.0
MEANDER_RADIANS = 1.15
# The river starts this far west of the scene.
RUN_UP_M = 150.0
SMALLEST_FIELD_M = 95.0
VERGE_M = 1.6
# A crown stands out of water no deeper than this.
EMERGENT_DEPTH_M = 0.7


@dataclass(frozen=True)
class Field:
    """One field.

    Attributes:
        corners: float32 (4, 2) in metres.
        cover: Index into the painter's land covers.
        tone: Brightness factor.
        heading: Direction of the rows in radians.
        row_m: Distance between rows.
    """

    corners: Float32Array
    cover: int
    tone: float
    heading: float
    row_m: float


@dataclass(frozen=True)
class Landscape:
    """The ground, the water on it and the air above.

    Attributes:
        width_m, height_m: Extent.
        elevation: Metres above the water level, float32 (rows, columns) of cells of ``CELL_M``; negative: flooded.
        turbidity: 0 clear to 1 muddy; same cells.
        variation: Soil and growth, about -1 to 1; same cells.
        grain: Independent noise of deviation 1; same cells.
        cloud: Opacity, 0 to 1; same cells.
        shadow: Of the cloud, 0 to 1; same cells.
        fields: The patchwork.
        roads: Lines, each float32 (n, 2).
        crowns: float32 (n, 4) trees: x, y, radius in metres, tone 0 to 1.
        roofs: float32 (n, 4, 2) corners of buildings.
    """

    width_m: float
    height_m: float
    elevation: Float32Array
    turbidity: Float32Array
    variation: Float32Array
    grain: Float32Array
    cloud: Float32Array
    shadow: Float32Array
    fields: tuple[Field, ...]
    roads: tuple[Float32Array, ...]
    crowns: Float32Array
    roofs: Float32Array


def make_landscape(width_m: float, height_m: float, seed: int) -> Landscape:
    """Invent a landscape; the same for the same arguments."""
    rng = np.random.default_rng(seed)
    cells = (round(height_m / CELL_M), round(width_m / CELL_M))
    river = _river(width_m, height_m, rng)
    distance_m = _distance(cells, river)
    rectangles, causeway = _patchwork(width_m, height_m, rng)
    elevation = _terrain(cells, distance_m, _distance(cells, causeway), rng)
    fields = tuple(_field(corners, rng) for corners in rectangles)
    cloud = _cloud(cells, rng)
    streaks = fractal(cells, 150, rng, octaves=6)
    mud = 0.3 + 0.55 * np.exp(-((distance_m / 40) ** 2)) + 0.5 * streaks  # backwaters have settled
    move = np.array([[1, 0, 45 / CELL_M], [0, 1, 60 / CELL_M]], np.float32)  # of the cloud to its shadow
    farm_lane = np.array([[-width_m, 0.02 * height_m], [2 * width_m, 0.02 * height_m]], np.float32)
    return Landscape(
        width_m=width_m,
        height_m=height_m,
        elevation=elevation,
        turbidity=np.asarray(np.clip(mud, 0, 1), np.float32),
        variation=fractal(cells, 90, rng),
        grain=rng.standard_normal(cells, np.float32),
        cloud=cloud,
        shadow=np.asarray(cv2.warpAffine(cloud, move, cells[::-1], borderMode=cv2.BORDER_REFLECT), np.float32),
        fields=fields,
        roads=(causeway, _turned(farm_lane)),
        crowns=_crowns(river, rectangles, elevation, rng),
        roofs=_roofs(elevation, width_m, height_m, rng),
    )


def fractal(cells: tuple[int, int], scale_m: float, rng: Generator, octaves: int = 4) -> Float32Array:
    """Smooth noise of about -1 to 1 whose largest forms measure ``scale_m``; float32 ``cells``."""
    total = np.zeros(cells, np.float32)
    for octave in range(octaves):
        knots = [max(4, round(size * CELL_M * 2**octave / scale_m) + 3) for size in cells]
        lattice = rng.standard_normal(knots).astype(np.float32)
        total += 0.45**octave * cv2.resize(lattice, cells[::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(total / (2 * total.std()), np.float32)


def sample(raster: Float32Array, x_m: float, y_m: float) -> float:
    """A raster's value at a place; the nearest cell's, also beyond the edge."""
    row, column = (min(max(int(at / CELL_M), 0), size - 1) for at, size in zip((y_m, x_m), raster.shape, strict=True))
    return float(raster[row, column])


def _river(width_m: float, height_m: float, rng: Generator) -> Float32Array:
    """A sine-generated curve (Langbein and Leopold 1966, USGS Professional Paper 422-H): (n, 2)."""
    along = np.arange(0.0, 3.2 * width_m + 900, 2.0)
    wobble = np.interp(along, np.arange(0, along[-1] + 300, 300), rng.normal(0, 0.16, int(along[-1] // 300) + 2))
    heading = MEANDER_RADIANS * np.sin(2 * np.pi * along / MEANDER_M + rng.uniform(0, 2 * np.pi)) + wobble
    line = np.stack([np.cumsum(np.cos(heading)), np.cumsum(np.sin(heading))], axis=1) * 2.0
    line[:, 0] -= RUN_UP_M
    inside = (line[:, 0] > 0) & (line[:, 0] < width_m)
    line[:, 1] += 0.56 * height_m - line[inside, 1].mean()
    return line.astype(np.float32)


def _distance(cells: tuple[int, int], line: Float32Array) -> Float32Array:
    """Metres from every cell to a line."""
    canvas = np.full(cells, 255, np.uint8)
    cv2.polylines(
        canvas, [np.round(line / CELL_M * 16).astype(np.int32)], isClosed=False, color=0, thickness=1, shift=4
    )
    return np.asarray(cv2.distanceTransform(canvas, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) * CELL_M, np.float32)


def _terrain(cells: tuple[int, int], river_m: Float32Array, causeway_m: Float32Array, rng: Generator) -> Float32Array:
    """Metres above a water level that floods ``FLOODED_SHARE``: a channel between levees, a plain, a raised road."""
    plain = 1.9 * _smoothstep(river_m / 300) + 0.95 * fractal(cells, 190, rng) + 0.035 * fractal(cells, 14, rng)
    levee = 0.9 * np.exp(-(((river_m - 27) / 10) ** 2)) * _smoothstep(0.5 + fractal(cells, 120, rng))
    channel = 3.4 * np.exp(-((river_m / RIVER_HALF_WIDTH_M) ** 4))
    ground = plain + levee - channel
    ground -= np.quantile(ground, FLOODED_SHARE)
    road = 0.9 * (1 - _smoothstep((causeway_m - 4) / 7))
    return np.asarray(np.where(causeway_m < 11, np.maximum(ground, ground * (1 - road) + road), ground), np.float32)  # noqa: PLR2004


def _smoothstep(value: NDArray[np.floating]) -> Float32Array:
    clipped = np.clip(value, 0, 1).astype(np.float32)
    return np.asarray(clipped * clipped * (3 - 2 * clipped), np.float32)


def _cloud(cells: tuple[int, int], rng: Generator) -> Float32Array:
    """Opacity of a thin cloud over the upper right of the scene."""
    rows, columns = np.mgrid[0 : 1 : cells[0] * 1j, 0 : 1 : cells[1] * 1j]
    reach = np.exp(-(((columns - 0.66) / 0.2) ** 2 + ((rows - 0.3) / 0.27) ** 2))
    puffs = fractal(cells, 210, rng, octaves=5)
    return np.asarray(0.22 * _smoothstep(1.25 * reach * (0.85 + puffs)), np.float32)


def _patchwork(width_m: float, height_m: float, rng: Generator) -> tuple[list[Float32Array], Float32Array]:
    """Fields' corners, and the line of the first cut: the road that crosses the plain."""
    reach, cut = width_m + height_m, 0.37 * width_m + 0.09 * height_m
    left, top, right, bottom = -0.1 * width_m, -0.2 * height_m, 1.15 * width_m, 1.1 * height_m
    halves = (left, top, min(cut, right), bottom), (cut, top, right, bottom)
    rectangles = [part for half in halves for part in _split(half, rng)]
    causeway = _turned(np.array([[cut, -reach], [cut, reach]], np.float32))
    return [_turned(_corners(rectangle, VERGE_M)) for rectangle in rectangles], causeway


def _split(rectangle: Sequence[float], rng: Generator) -> Iterator[Sequence[float]]:
    """Cut a rectangle (left, top, right, bottom) across its longer side until the fields have their size."""
    left, top, right, bottom = rectangle
    longer = max(right - left, bottom - top)
    if longer < 2 * SMALLEST_FIELD_M or (longer < 3 * SMALLEST_FIELD_M and rng.random() < 0.4):  # noqa: PLR2004
        yield rectangle
        return
    axis = 0 if right - left >= bottom - top else 1
    first, second = list(rectangle), list(rectangle)
    first[axis + 2] = second[axis] = rectangle[axis] + rng.uniform(0.36, 0.64) * (right - left, bottom - top)[axis]
    yield from _split(first, rng)
    yield from _split(second, rng)


def _turned(points: Float32Array) -> Float32Array:
    """Points of the patchwork's own axes in those of the scene."""
    cos, sin = np.cos(ROTATION), np.sin(ROTATION)
    return np.asarray(points @ np.array([[cos, sin], [-sin, cos]]), np.float32)


def _field(corners: Float32Array, rng: Generator) -> Field:
    cover = int(rng.choice(7, p=(0.26, 0.2, 0.12, 0.14, 0.12, 0.06, 0.1)))
    heading = ROTATION + (np.pi / 2 if rng.random() < 0.5 else 0) + rng.normal(0, 0.02)  # noqa: PLR2004
    return Field(corners, cover, rng.uniform(0.9, 1.1), heading, rng.uniform(1.4, 2.6))


def _crowns(
    river: Float32Array, rectangles: list[Float32Array], elevation: Float32Array, rng: Generator
) -> Float32Array:
    """Trees on both banks, along some field edges and scattered; only where they stand dry or in shallow water."""
    along = [_riparian(river, rng)]
    along += [_tree_line(corners, rng) for corners in rectangles if rng.random() < 0.3]  # noqa: PLR2004
    size = np.array(elevation.shape[::-1]) * CELL_M
    places = np.vstack([*along, rng.uniform(0, size, (40, 2))])
    dry = [sample(elevation, x, y) > -EMERGENT_DEPTH_M for x, y in places]
    places = places[dry]
    order = np.argsort(places[:, 1])
    radius, tone = 1.7 + rng.gamma(3, 0.5, len(places)), rng.random(len(places))
    return np.column_stack([places[order], radius, tone]).astype(np.float32)


def _riparian(river: Float32Array, rng: Generator) -> Float32Array:
    """Places along both banks, in clumps."""
    step = np.gradient(river, axis=0)
    normal = np.stack([-step[:, 1], step[:, 0]], axis=1) / np.linalg.norm(step, axis=1, keepdims=True)
    clumps = np.sin(np.arange(len(river)) / 23.0) + np.sin(np.arange(len(river)) / 57.0)
    chosen = rng.random(len(river)) < 0.95 * _smoothstep(0.6 + 0.7 * clumps)
    offset = rng.normal(26, 5, len(river)) * rng.choice((-1, 1), len(river))
    return np.asarray((river + normal * offset[:, np.newaxis])[chosen], np.float32)


def _tree_line(corners: Float32Array, rng: Generator) -> Float32Array:
    """Places along a field's first edge, with gaps."""
    share = np.arange(0, 1, 3.6 / float(np.linalg.norm(corners[1] - corners[0])))
    share = share[rng.random(len(share)) < 0.8][:, np.newaxis]  # noqa: PLR2004
    line = corners[0] + share * (corners[1] - corners[0])
    return np.asarray(line + rng.normal(0, 0.7, line.shape), np.float32)


def _roofs(elevation: Float32Array, width_m: float, height_m: float, rng: Generator) -> Float32Array:
    """Two farmsteads on the highest of some random places."""
    places = rng.uniform((0.05 * width_m, 0.05 * height_m), (0.9 * width_m, 0.95 * height_m), (60, 2))
    high = sorted(places.tolist(), key=lambda place: sample(elevation, *place))[-2:]
    boxes = ((0, 0, 17, 9), (24, -3, 33, 4), (3, 18, 14, 37), (22, 15, 29, 22))
    roofs = [_turned(_corners(box)) + np.array(place) for place in high for box in boxes]
    return np.asarray(roofs, np.float32)


def _corners(rectangle: Sequence[float], inset: float = 0.0) -> Float32Array:
    left, top, right, bottom = rectangle[0] + inset, rectangle[1] + inset, rectangle[2] - inset, rectangle[3] - inset
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
