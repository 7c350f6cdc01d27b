"""``overview.png``: the imagery in small with the flood extent on it, and what was not assessed."""

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
import shapely

from tasks.core.arrays import BoolMask, Int32Array, UInt8Array
from tasks.core.formats.layer_titles import WATER
from tasks.core.geo.grid import Grid
from tasks.core.overview.map_frame import SUBPIXEL_BITS, MapFrame
from tasks.core.overview.map_page import PAPER, Colour, Sign, ascii_text, page
from tasks.core.overview.place_marks import mark_places, mark_sign
from tasks.core.product.layer import Layer
from tasks.core.product.mapped_pixel import mapped_pixel_m, pixel_text
from tasks.core.product.to_check import TO_CHECK, TOLD

LONG_SIDE_PX = 1400
# BGR. In near infrared, red, green as red, green, blue vegetation is red, soil grey to greenish, water black: a yellow
# line stands out on each, and a blue tint lights up black water only.
FLOOD_TINT: Colour = (255, 150, 20)
FLOOD_LINE: Colour = (0, 240, 255)
FLOOD_TINT_SHARE = 0.45
HATCH: Colour = (170, 0, 200)
HATCH_GROUND: Colour = (215, 205, 220)
HATCH_STEP_PX, HATCH_LINE_PX = 12, 3
TILE_LINE: Colour = (255, 255, 255)
TILE_LINE_SHARE = 0.45
# Below this in all bands a pixel may be padding: it does not cover what another tile shows there.
DARK = 12
TILES_NAMED = 8


def draw(
    layers: Sequence[Layer],
    images: Iterable[tuple[Grid, bytes]],
    *,
    title: str = "Flood extent",
    long_side_px: int = LONG_SIDE_PX,
) -> bytes:
    """Draw the map, as PNG.

    Args:
        layers: The product's layers. Of several CRSs the one with most tiles is drawn, and a note says so.
        images: Grid (resized or full: only its ground counts) and JPEG or PNG of NRG of each tile, in small; read one
            at a time, and those of another CRS passed over.
        title: Above the map.
        long_side_px: Of the map; memory grows with its square only, however many tiles there are.
    """
    groups = _by_suffix(layers)
    suffix = max(groups, key=lambda one: _placed(groups[one]), default="")
    notes = _notes(groups, suffix)
    if not groups or not _placed(groups[suffix]):
        return _png(_nothing(title, [*notes, "No tile could be placed: there is nothing to draw."]))
    chosen = groups[suffix]
    tiles = chosen["tiles"]
    frame = MapFrame.around(tuple(shapely.total_bounds(tiles.geometries)), str(tiles.crs), long_side_px)
    picture = _mosaic(frame, images, str(tiles.crs))
    _draw_extent(picture, frame, chosen)
    places = chosen[TO_CHECK].geometries[:TOLD] if TO_CHECK in chosen else np.empty(0, np.object_)
    mark_places(picture, frame, places)
    about = f"{title} - {_crs_name(str(tiles.crs))}"
    return _png(page(picture, frame, title=about, legend=_legend(with_places=len(places) > 0), notes=notes))


def _by_suffix(layers: Sequence[Layer]) -> dict[str, dict[str, Layer]]:
    groups: dict[str, dict[str, Layer]] = {}
    for layer in layers:
        groups.setdefault(layer.suffix, {})[layer.base] = layer
    return {suffix: group for suffix, group in groups.items() if "tiles" in group}


def _placed(group: dict[str, Layer]) -> int:
    tiles = group["tiles"]
    return int((~shapely.is_missing(tiles.geometries)).sum()) if tiles.crs else 0


def _crs_name(crs: str) -> str:
    return crs if len(crs) < 40 else crs.split('"')[1] if '"' in crs else crs[:40]  # noqa: PLR2004 - codes are short


def _notes(groups: dict[str, dict[str, Layer]], suffix: str) -> list[str]:
    tables = [group["tiles"] for group in groups.values()]
    notes = [
        "Blank ground outside the tiles was not looked at. What was observed may include ground under cloud.",
        WATER,
    ]
    pixel = pixel_text(mapped_pixel_m(tables))
    notes += [f"Mapped with pixels of {pixel}."] if pixel else []
    others = [_crs_name(str(group["tiles"].crs)) for one, group in groups.items() if one != suffix]
    if others:
        notes.append(f"This map shows one CRS of {len(groups)}; tiles in {', '.join(others)} are not on it.")
    unplaced = [tile for one in tables for tile in one.columns["tile"][shapely.is_missing(one.geometries)]]
    unknown = [ascii_text(str(tile)) for tile in unplaced]
    if unknown:
        named = ", ".join(unknown[:TILES_NAMED]) + (" ..." if len(unknown) > TILES_NAMED else "")
        notes.append(f"{len(unknown)} failed tile(s) without a known place are not on it: {named}")
    return notes


def _mosaic(frame: MapFrame, images: Iterable[tuple[Grid, bytes]], crs: str) -> UInt8Array:
    picture = np.full((frame.height_px, frame.width_px, 3), PAPER, dtype=np.uint8)
    drawn = np.zeros(picture.shape[:2], dtype=bool)
    for grid, encoded in images:
        wanted = grid.crs == crs and encoded  # OpenCV raises where there is nothing to decode
        image = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR) if wanted else None
        if image is not None:
            _paste(picture, drawn, frame, grid, np.asarray(image, dtype=np.uint8))
    return picture


def _paste(picture: UInt8Array, drawn: BoolMask, frame: MapFrame, grid: Grid, image: UInt8Array) -> None:
    corners = frame.pixels(np.array(grid.corners))
    low, high = np.floor(corners.min(axis=0)).astype(int) - 1, np.ceil(corners.max(axis=0)).astype(int) + 1
    (left, top), (right, bottom) = np.maximum(low, 0), np.minimum(high, (frame.width_px, frame.height_px))
    if right <= left or bottom <= top:
        return
    affine = frame.from_grid(grid.resized(image.shape[1], image.shape[0]))
    shrink = min(1.0, float(np.sqrt(abs(np.linalg.det(affine[:, :2])))))
    # warpAffine samples single pixels: average down to the map's resolution first.
    size = [max(1, round(side * shrink)) for side in (image.shape[1], image.shape[0])]
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    affine = frame.from_grid(grid.resized(*size))
    affine[:, 2] -= (left, top)
    extent = (int(right - left), int(bottom - top))
    warped = cv2.warpAffine(small, affine, extent, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    ring = np.rint((corners - (left + 0.5, top + 0.5)) * (1 << SUBPIXEL_BITS)).astype(np.int32)
    inside = _filled(extent[::-1], [ring])
    target, there = picture[top:bottom, left:right], drawn[top:bottom, left:right]
    fresh = inside & (~there | (warped.max(axis=2) >= DARK))
    target[fresh] = warped[fresh]
    there |= inside


def _filled(shape: tuple[int, ...], rings: Sequence[Int32Array]) -> BoolMask:
    """Pixels inside the rings, holes left out (even-odd)."""
    mask = np.zeros(shape, dtype=np.uint8)
    if rings:
        cv2.fillPoly(mask, rings, 1, shift=SUBPIXEL_BITS)
    return mask.astype(bool)


def _draw_extent(picture: UInt8Array, frame: MapFrame, group: dict[str, Layer]) -> None:
    shape = picture.shape[:2]
    rings = {name: frame.rings(layer.geometries) for name, layer in group.items() if name != "flood_extent_by_tile"}
    observed = _filled(shape, rings.get("area_observed", []))
    # A union, not even-odd: failed tiles may overlap.
    lost = np.zeros(shape, dtype=bool)
    for geometry in group["not_assessed"].geometries if "not_assessed" in group else ():
        lost |= _filled(shape, frame.rings(np.array([geometry], dtype=object)))
    picture[~observed & ~lost] = PAPER
    _hatch(picture, lost & ~observed)
    _lines(picture, rings["tiles"], TILE_LINE, TILE_LINE_SHARE)
    flood = rings.get("flood_extent", [])
    _tint(picture, _filled(shape, flood))
    _lines(picture, flood, FLOOD_LINE, 1.0)


def _tint(picture: UInt8Array, mask: BoolMask) -> None:
    mixed = picture[mask] * (1 - FLOOD_TINT_SHARE) + np.array(FLOOD_TINT) * FLOOD_TINT_SHARE
    picture[mask] = np.rint(mixed).astype(np.uint8)


def _hatch(picture: UInt8Array, mask: BoolMask) -> None:
    rows, columns = np.nonzero(mask)
    stripe = (rows + columns) % HATCH_STEP_PX < HATCH_LINE_PX
    ground = picture[rows, columns] * 0.5 + np.array(HATCH_GROUND) * 0.5
    picture[rows, columns] = np.where(stripe[:, None], HATCH, ground).astype(np.uint8)


def _lines(picture: UInt8Array, rings: Sequence[Int32Array], colour: Colour, share: float) -> None:
    lined = cv2.polylines(picture.copy(), rings, True, colour, 1, cv2.LINE_AA, SUBPIXEL_BITS)  # noqa: FBT003 - isClosed
    cv2.addWeighted(lined, share, picture, 1 - share, 0, dst=picture)


def _legend(*, with_places: bool) -> list[Sign]:
    return [
        Sign("flood, permanent water included", _flood_sign),
        Sign("not assessed", lambda swatch: _hatch(swatch, np.ones(swatch.shape[:2], dtype=bool))),
        Sign("imagery (NRG): vegetation red, water dark", _imagery_sign),
        *([Sign("places to check, numbered in order", mark_sign)] if with_places else []),
    ]


def _flood_sign(swatch: UInt8Array) -> None:
    swatch[:] = (40, 30, 30)
    _tint(swatch, np.ones(swatch.shape[:2], dtype=bool))
    cv2.rectangle(swatch, (0, 0), (swatch.shape[1] - 1, swatch.shape[0] - 1), FLOOD_LINE, 1)


def _imagery_sign(swatch: UInt8Array) -> None:
    half = swatch.shape[1] // 2
    swatch[:, :half], swatch[:, half:] = (90, 80, 200), (50, 40, 30)


def _nothing(title: str, notes: Sequence[str]) -> UInt8Array:
    frame = MapFrame(600, 1, 0, 0, 1, 1, 1)
    return page(np.full((1, 600, 3), PAPER, dtype=np.uint8), frame, title=title, legend=[], notes=notes)


def _png(picture: UInt8Array) -> bytes:
    encoded, data = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 6])
    if not encoded:
        raise ValueError(f"a picture of {picture.shape} cannot be encoded")
    return data.tobytes()
