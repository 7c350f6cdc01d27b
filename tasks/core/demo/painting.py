"""Paints tiles of the invented landscape as an aerial NRG camera would see it, and knows where the water is."""

from dataclasses import dataclass

import cv2
import numpy as np

from tasks.core.arrays import BoolMask, Float32Array, Int32Array, UInt8Array
from tasks.core.demo.landscape import CELL_M, Landscape

# Near infrared, red, green of each cover, in grey levels; a field holds the index.
COVERS = np.array(
    [
        (192, 66, 82),  # young crop
        (178, 86, 96),  # pasture
        (164, 104, 108),  # ripening crop
        (166, 158, 144),  # stubble
        (150, 150, 138),  # bare soil
        (118, 114, 104),  # ploughed
        (206, 58, 74),  # irrigated
    ],
    np.float32,
)
VERGE = (170, 104, 108)
ROAD = (196, 190, 178)
ROOF = (214, 212, 206)
CLEAR_WATER = np.array((20, 38, 58), np.float32)
MUDDY_WATER = np.array((40, 92, 104), np.float32)
# How fast water hides its bed, 1/m: near infrared within centimetres, green last.
ATTENUATION = np.array((14.0, 3.2, 2.6), np.float32)
# The shore is a small bank: water is this deep where it begins.
BANK_M = 0.16
CLOUD = np.array((236, 234, 236), np.float32)
SUN_EAST, SUN_SOUTH = 0.62, 0.78
SUBPIXEL_BITS = 4
# Trees are drawn beyond the tile by as much as blurring and ruffling can carry inwards.
MARGIN_PX = 24


@dataclass(frozen=True)
class View:
    """One tile's frame on the landscape: its upper left corner, pixel size and size."""

    x_m: float
    y_m: float
    pixel_m: float
    size_px: int

    def raster(self, cells: Float32Array) -> Float32Array:
        """Cells of the landscape interpolated to this tile's pixel centres: seamless from tile to tile."""
        scale = self.pixel_m / CELL_M
        shift = [(start + 0.5 * self.pixel_m) / CELL_M - 0.5 for start in (self.x_m, self.y_m)]
        move = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float64)
        how = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        size = (self.size_px, self.size_px)
        return np.asarray(cv2.warpAffine(cells, move, size, flags=how, borderMode=cv2.BORDER_REPLICATE), np.float32)

    def grown(self, margin_px: int) -> "View":
        """The same with a margin all around."""
        margin_m = margin_px * self.pixel_m
        return View(self.x_m - margin_m, self.y_m - margin_m, self.pixel_m, self.size_px + 2 * margin_px)

    def points(self, places: Float32Array) -> Int32Array:
        """Places in metres as OpenCV's fixed-point pixel coordinates."""
        pixels = (places - np.array([self.x_m, self.y_m], np.float32)) / self.pixel_m - 0.5
        return np.asarray(np.round(pixels * 2**SUBPIXEL_BITS), np.int32)


def paint(landscape: Landscape, view: View, seed: int) -> tuple[UInt8Array, BoolMask]:
    """One tile: land, water over it, trees and roofs over both, cloud over all, and the sensor's noise.

    Returns:
        NRG (size, size, 3), and the water (size, size) that the camera can see, under thin cloud too.
    """
    grain = view.raster(landscape.grain)
    image = _land(landscape, view, grain)
    depth_m = -view.raster(landscape.elevation)
    wet = depth_m > 0
    image = np.where(wet[..., np.newaxis], _water(image, depth_m, view.raster(landscape.turbidity), grain), image)
    canopy = _trees(image, landscape, view)
    water = wet & ~canopy & ~_buildings(image, landscape, view)
    _clouds(image, landscape, view)
    image += np.random.default_rng(seed).standard_normal(image.shape, np.float32) * 2.2
    return image.clip(0, 255).astype(np.uint8), np.asarray(water, np.bool_)


def _land(landscape: Landscape, view: View, grain: Float32Array) -> Float32Array:
    """Fields with rows and tramlines on a ground of verges, and roads: float32 (size, size, 3)."""
    owner = np.zeros((view.size_px, view.size_px), np.uint8)
    for number, field in enumerate(landscape.fields, start=1):
        cv2.fillConvexPoly(owner, view.points(field.corners), number, shift=SUBPIXEL_BITS)
    colours = [VERGE, *(COVERS[field.cover] * field.tone for field in landscape.fields)]
    image = np.asarray(np.array(colours, np.float32)[owner], np.float32)
    variation = view.raster(landscape.variation)
    image *= (1 + 0.09 * variation + 0.035 * grain + _rows(landscape, view, owner))[..., np.newaxis]
    image[..., 0] *= 1 + 0.05 * variation
    for road in landscape.roads:
        width_px = max(1, round(5 / view.pixel_m))
        cv2.polylines(image, [view.points(road)], isClosed=False, color=ROAD, thickness=width_px, shift=SUBPIXEL_BITS)
    return image


def _rows(landscape: Landscape, view: View, owner: UInt8Array) -> Float32Array:
    """Brightness factor of crop rows, and of the wheel tracks every 18 m: float32 (size, size), around 0."""
    headings = np.array([0, *(field.heading for field in landscape.fields)])
    spacing = np.array([1, *(field.row_m for field in landscape.fields)])
    strength = np.array([0, *(0.045 + 0.02 * (field.cover % 3) for field in landscape.fields)], np.float32)
    centres = (np.arange(view.size_px, dtype=np.float32) + 0.5) * view.pixel_m
    across = (centres + view.x_m)[np.newaxis, :] * np.sin(headings).astype(np.float32)[owner]
    across -= (centres + view.y_m)[:, np.newaxis] * np.cos(headings).astype(np.float32)[owner]
    rows = np.cos(across * (2 * np.pi / spacing).astype(np.float32)[owner]) * strength[owner]
    tracks = (np.mod(across, 18) < 0.7) & (owner > 0)  # noqa: PLR2004
    return np.asarray(rows - 0.1 * tracks, np.float32)


def _water(bed: Float32Array, depth_m: Float32Array, turbidity: Float32Array, grain: Float32Array) -> Float32Array:
    """Water over its bed, which shows where it is shallow and clear (Beer-Lambert)."""
    body = CLEAR_WATER + turbidity[..., np.newaxis] * (MUDDY_WATER - CLEAR_WATER)
    body *= (1 + 0.03 * grain)[..., np.newaxis]
    column_m = (depth_m.clip(0) + BANK_M) * (1 + turbidity)
    return np.asarray(body + (bed - body) * np.exp(-ATTENUATION * column_m[..., np.newaxis]), np.float32)


def _trees(image: Float32Array, landscape: Landscape, view: View) -> BoolMask:
    """Draw shadows, then crowns lit from the north-west; returns the crowns' pixels."""
    wide = view.grown(MARGIN_PX)
    shade, crowns, light = (np.zeros((wide.size_px, wide.size_px), np.uint8) for _ in range(3))
    sun = np.array([SUN_EAST, SUN_SOUTH], np.float32)
    for x, y, radius_m, tone in landscape.crowns.tolist():
        place = np.array([x, y], np.float32)
        _disc(shade, wide, place + sun * radius_m * 1.1, radius_m, 255)
        _disc(crowns, wide, place, radius_m, 255)
        for step in range(4):
            lit_m = radius_m * (1 - 0.22 * step)
            _disc(light, wide, place - sun * radius_m * 0.13 * step, lit_m, round(88 + 45 * tone + 17 * step))
    shade, crowns, light = (_ruffled(layer, landscape, wide) for layer in (shade, crowns, light))
    tile = slice(MARGIN_PX, -MARGIN_PX), slice(MARGIN_PX, -MARGIN_PX)
    image *= (1 - 0.42 * cv2.GaussianBlur(shade, (0, 0), 2)[tile].astype(np.float32) / 255)[..., np.newaxis]
    inside = crowns[tile] > 127  # noqa: PLR2004 - half covered
    lit = cv2.GaussianBlur(np.maximum(light, 84), (0, 0), 1.2)[tile]
    foliage = lit.astype(np.float32) / 150 * (1 + 0.2 * view.raster(landscape.grain))
    image[inside] = (foliage[..., np.newaxis] * np.array((150, 46, 56), np.float32))[inside]
    return inside


def _ruffled(layer: UInt8Array, landscape: Landscape, view: View) -> UInt8Array:
    """Move pixels about by some decimetres: discs become crowns."""
    rows, columns = np.mgrid[0 : view.size_px, 0 : view.size_px].astype(np.float32)
    push = 0.42 / view.pixel_m
    east, south = (push * view.raster(cells) for cells in (landscape.grain, landscape.grain[::-1]))
    return np.asarray(cv2.remap(layer, columns + east, rows + south, cv2.INTER_LINEAR), np.uint8)


def _disc(canvas: UInt8Array, view: View, place: Float32Array, radius_m: float, value: int) -> None:
    radius = round(radius_m / view.pixel_m * (1 << SUBPIXEL_BITS))
    cv2.circle(canvas, view.points(place).tolist(), radius, value, thickness=-1, shift=SUBPIXEL_BITS)


def _buildings(image: Float32Array, landscape: Landscape, view: View) -> BoolMask:
    """Draw roofs with their shadows; returns the roofs' pixels."""
    covered, shade = (np.zeros((view.size_px, view.size_px), np.uint8) for _ in range(2))
    away = np.array([3 * SUN_EAST, 3 * SUN_SOUTH], np.float32)
    for roof in landscape.roofs:
        cv2.fillConvexPoly(shade, view.points(roof + away), 255, shift=SUBPIXEL_BITS)
        cv2.fillConvexPoly(covered, view.points(roof), 255, shift=SUBPIXEL_BITS)
    image[shade > 0] *= 0.5
    image[covered > 0] = ROOF
    return covered > 0


def _clouds(image: Float32Array, landscape: Landscape, view: View) -> None:
    """Darken by the cloud's shadow, then veil by the cloud itself."""
    image *= (1 - 1.3 * view.raster(landscape.shadow))[..., np.newaxis]
    opacity = view.raster(landscape.cloud).clip(0, 1)[..., np.newaxis]
    image += opacity * (CLOUD - image)
