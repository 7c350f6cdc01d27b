"""JPEG2000 images: judge the header, then decode at a reduced resolution.

Three facts shape this. Bands may lie in any component, or be stored as luma and chroma (`channels`). A
reduced-resolution decode is shifted (`resampling`). And a damaged file can decode without an error and leave the output
unwritten: so its structure is checked first (`structure`) and its pixels are read into a buffer filled with a value
that no sample has (`gdal_reading`).
"""

import math
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from pyproj.exceptions import CRSError
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from tasks.core.arrays import BoolMask, Float32Array, UInt8Array
from tasks.core.errors import NoGeoreference, NotNrg, TooLarge, UnreadableImage
from tasks.core.geo.crs import crs_name
from tasks.core.jpeg2000.capture_metadata import NOTHING_SAID, Capture, read_capture
from tasks.core.jpeg2000.channels import Channels, read_channels
from tasks.core.jpeg2000.colour_conversion import OPAQUE_FROM, to_nrg
from tasks.core.jpeg2000.gdal_reading import opened_header, read_coarse, read_window, reason, unreadable_world_file
from tasks.core.jpeg2000.group_reading import read_at, read_coarse_by_groups, read_window_by_groups
from tasks.core.jpeg2000.metadata_boxes import geotiff_nodata
from tasks.core.jpeg2000.no_data import Colour, declared_colour, listed_values
from tasks.core.jpeg2000.resampling import align, area_average
from tasks.core.jpeg2000.sidecars import is_world_file
from tasks.core.jpeg2000.structure import Structure, check_tile_parts, read_structure
from tasks.core.jpeg2000.tile_groups import is_read_in_groups
from tasks.core.jpeg2000.tile_parts import AGAIN, ReadRange

Transform = tuple[float, float, float, float, float, float]

MAX_PIXELS = 1 << 29  # 23,000 px squared; a full-resolution copy of it has 2 GB
BITS = 8
NODATA_ITEM = "NODATA_VALUES"  # of GDAL's default metadata domain
ALPHA_FACTORS = {1: 255, BITS: 1}  # by depth: alpha may have one bit
MAX_TILES = 65_535  # that Isot can number
NEAR = 8  # lossy compression moves 0 and 255 by a little
ALPHA_SHARE = 0.99  # of samples near 0 or 255: this is alpha though nobody says so
FLAGGED_ALPHA_SHARE = 0.5  # a flag alone proves nothing: near infrared can carry it too


@dataclass(frozen=True, slots=True)
class Header:
    """What an image says about itself before it is decoded.

    Attributes:
        width_px: Columns at full resolution.
        height_px: Rows at full resolution.
        bands: 3, or 4 with what may be alpha.
        alpha_flagged: Whether a band is declared to be alpha.
        transform: Affine terms as in `Grid`, in CRS units; None where absent, or an identity: mere pixel positions.
        crs: ``EPSG:n`` or WKT2; None where absent.
        nodata: Near infrared, red, green of what metadata declare as NoData; None where they do not.
        capture: When it was taken, and with what, as far as metadata say so.
    """

    width_px: int
    height_px: int
    bands: int
    alpha_flagged: bool
    transform: Transform | None
    crs: str | None
    nodata: Colour | None = None
    capture: Capture = NOTHING_SAID


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """An image at the size asked for, covering exactly the ground of the full-resolution image.

    Attributes:
        nrg: uint8 (height, width, 3): near infrared, red, green.
        coverage: (height, width), 0 to 1: the share of each pixel that alpha says is observed, float32, or at full
            resolution bool; None without alpha.
        unclear_alpha: Share of alpha's samples that are neither near 0 nor near 255; 0 without alpha.
        full_width_px: Columns of the image at full resolution.
        full_height_px: Rows of the image at full resolution.
    """

    nrg: UInt8Array
    coverage: Float32Array | BoolMask | None
    unclear_alpha: float
    full_width_px: int
    full_height_px: int


def probe(
    read_range: ReadRange,
    size_bytes: int,
    name: str,
    sidecars: Mapping[str, bytes],
    *,
    max_pixels: int = MAX_PIXELS,
    every_tile_part: bool = False,
) -> Header:
    """Judge an image by its header and read its georeference (``.aux.xml``, GeoJP2, GMLJP2 or world file).

    Reads boxes, the start of the codestream and its last bytes, so it costs little over S3; safe in threads.
    Where the last bytes are not what they should be, the headers of the tile parts are read too.

    Args:
        read_range: (start, length) -> bytes of the image.
        size_bytes: The image's size.
        name: File name or path, for messages; its stem is what sidecars are matched by.
        sidecars: File name -> content of ``.j2w``, ``.jp2w``, ``.wld`` and ``.aux.xml`` files that belong to the image;
            of world files it is asked for where nothing else places the image.
        max_pixels: The most pixels that an image may declare.
        every_tile_part: Whether each tile part is checked, as `decode` does; for local files, read a little for each.

    Raises:
        UnreadableImage: It is not JPEG2000, cut short, too large, not 8-bit NRG, or damaged (see its subclasses).
    """
    structure = read_structure(read_range, size_bytes, name)
    channels = _judge(structure, name, max_pixels)
    if every_tile_part:
        check_tile_parts(read_range, structure, name)
    return _read_header(structure, channels, sidecars, name)


def peek(
    read_range: ReadRange,
    size_bytes: int,
    name: str,
    sidecars: Mapping[str, bytes],
    *,
    max_pixels: int = MAX_PIXELS,
) -> Header:
    """Read the header of an image that cannot be used, as `probe` would: where it lies is still worth knowing.

    Only the declared size is judged; the file may be cut behind its header, and its bands may be anything.

    Raises:
        UnreadableImage: Not even the header can be read, or it declares too many pixels.
    """
    structure = read_structure(read_range, size_bytes, name, whole=False)
    _judge_size(structure, name, max_pixels)
    return _read_header(structure, None, sidecars, name)


def _read_header(structure: Structure, channels: Channels | None, sidecars: Mapping[str, bytes], name: str) -> Header:
    others = {name: sidecars[name] for name in sidecars if not is_world_file(name)}
    try:
        with opened_header(structure.header_file, others) as dataset:
            header = _header(dataset, structure, channels)
        # As GDAL does, look at world files last; they are not even fetched where the image says its place itself.
        if header.transform is None and len(others) < len(sidecars):
            with opened_header(structure.header_file, sidecars) as dataset:
                header = _header(dataset, structure, channels)
    except (RasterioError, ValueError) as error:  # rasterio raises either for a CRS that is none
        raise UnreadableImage(f"{name}: its header cannot be read: {reason(error)}. Copy or export it again") from error
    if header.transform is None and (broken := unreadable_world_file(sidecars)) is not None:
        raise NoGeoreference(f"{name}: its world file {broken} cannot be read: it needs six numbers, one a line")
    return header


def decode(path: Path, width_px: int, height_px: int, max_pixels: int) -> DecodedImage:
    """Decode an image into `width_px` x `height_px` pixels that cover exactly its ground.

    Takes the lowest wavelet resolution that is still at least as fine, moves its samples to where they belong and
    averages over pixel areas. Registers within 0.1 px of averaging the full resolution.

    Args:
        path: A local JP2 file. Sidecars are not looked at.
        width_px: Columns wanted, at most the image's own.
        height_px: Rows wanted, at most the image's own.
        max_pixels: The most pixels that the image may declare.

    Raises:
        UnreadableImage: It cannot be decoded whole; judged by its structure first (see the subclasses).
        NotNrg: The fourth band is not alpha.
    """
    structure = judge_file(path, max_pixels)
    channels = _channels(structure, path.name)
    size = structure.size
    if not (0 < width_px <= size.width_px and 0 < height_px <= size.height_px):
        raise ValueError(f"{path.name}: {width_px} x {height_px} px asked of {size.width_px} x {size.height_px}")
    try:
        read = read_coarse_by_groups if is_read_in_groups(size) else read_coarse
        coarse, step = read(path, structure, width_px, height_px, channels.order)
    except (RasterioError, MemoryError) as error:
        raise UnreadableImage(f"{path.name}: cannot be decoded: {reason(error)}. Copy or export it again") from error
    (colours, alpha), unclear_alpha, coverage = coarse, 0.0, None
    del coarse
    if alpha is not None and channels.fourth is not None:
        alpha *= ALPHA_FACTORS[size.depths[channels.fourth]]
        unclear_alpha = _check_alpha(alpha, path.name, flagged=channels.alpha_declared)
    nrg = align(to_nrg(colours, alpha, channels), size.width_px, size.height_px, step)
    if alpha is not None:
        coverage = _coverage(align(alpha, size.width_px, size.height_px, step), (width_px, height_px))
    return DecodedImage(
        area_average(nrg, (width_px, height_px)), coverage, unclear_alpha, size.width_px, size.height_px
    )


def _coverage(alpha: UInt8Array, size: tuple[int, int]) -> Float32Array | BoolMask:
    """The share of each of fewer pixels that is opaque; uses up what it is given."""
    opaque = np.greater_equal(alpha, OPAQUE_FROM, out=alpha.view(np.bool_))
    return opaque if opaque.shape[::-1] == size else area_average(opaque.astype(np.float32), size)


def read_detail(path: Path, column: int, row: int, side_px: int) -> UInt8Array | None:
    """Near infrared, red, green around a pixel of a judged image, as they are at full resolution.

    Args:
        path: A local JP2 file that `decode` has read.
        column: Of the middle, at full resolution.
        row: Of the middle, at full resolution.
        side_px: Columns and rows wanted; less at the image's border.

    Returns:
        uint8 (height, width, 3); None where the full resolution cannot be read in parts.

    Raises:
        UnreadableImage: It cannot be decoded.
    """
    structure = judge_file(path)
    channels, size = _channels(structure, path.name), structure.size
    half = side_px // 2
    left, top = max(0, column - half), max(0, row - half)
    window = Window(left, top, min(side_px, size.width_px - left), min(side_px, size.height_px - top))
    try:
        read = read_window_by_groups if is_read_in_groups(size) else read_window
        samples = read(path, structure, window, channels.order)
    except TooLarge:
        return None
    except (RasterioError, MemoryError) as error:
        raise UnreadableImage(f"{path.name}: cannot be decoded: {reason(error)}. Copy or export it again") from error
    return to_nrg(*samples, channels)


def judge_file(path: Path, max_pixels: int = sys.maxsize) -> Structure:
    """The structure of a local file, judged before every tile part is checked; raises as `decode`."""
    with path.open("rb") as file:
        read_range = partial(read_at, file)
        structure = read_structure(read_range, path.stat().st_size, path.name)
        _judge(structure, path.name, max_pixels)
        parts = check_tile_parts(read_range, structure, path.name)
    return replace(structure, codestream_end=parts.end, has_end_marker=parts.has_end_marker)


def _judge_size(structure: Structure, name: str, max_pixels: int) -> None:
    size = structure.size
    if size.width_px * size.height_px > max_pixels:
        raise TooLarge(
            f"{name}: declares {size.width_px} x {size.height_px} px, more than the limit of {max_pixels} px. "
            "Cut the image, or raise `max_tile_megapixels` if it is real"
        )


def _channels(structure: Structure, name: str) -> Channels:
    return read_channels(structure.header_boxes, len(structure.size.depths), name)


def _judge(structure: Structure, name: str, max_pixels: int) -> Channels:
    _judge_size(structure, name, max_pixels)
    size, channels = structure.size, _channels(structure, name)
    fourth = None if channels.fourth is None else size.depths[channels.fourth]
    if (
        {size.depths[colour] for colour in channels.colours} != {BITS}
        or fourth not in {None, *ALPHA_FACTORS}
        or size.signed
    ):
        sign = "signed" if size.signed else "unsigned"
        raise NotNrg(f"{name}: {max(size.depths)}-bit {sign} samples: expected 8-bit unsigned. Export it as 8-bit NRG")
    if size.subsampled:
        raise NotNrg(f"{name}: its bands have different resolutions. Export it without chroma subsampling")
    _judge_tiles(structure, name)
    return channels


def _judge_tiles(structure: Structure, name: str) -> None:
    """Refuse a tile grid that no codestream can have, and one that cannot be read in groups but must be."""
    size = structure.size
    if size.tiles > MAX_TILES:
        raise UnreadableImage(f"{name}: damaged: {size.tiles:,} codestream tiles, where {MAX_TILES:,} can be. {AGAIN}")
    grid = list(zip(size.origin, size.tile_grid_origin, size.tile_grid_px, strict=True))
    if any(not first <= start < first + tile for start, first, tile in grid):
        (x, y), (width, height) = size.tile_grid_origin, size.tile_grid_px
        raise UnreadableImage(
            f"{name}: damaged: its first codestream tile, of {width} x {height} px at ({x}, {y}), lies outside the "
            f"image, which begins at {size.origin}. {AGAIN}"
        )
    if structure.packed_packet_headers and is_read_in_groups(size):
        raise UnreadableImage(
            f"{name}: its {size.tiles:,} codestream tiles cannot be read one by one, for their packet headers are in "
            "the main header (PPM). Export it again without these, in codestream tiles of 1024 px"
        )


def _header(dataset: DatasetReader, structure: Structure, channels: Channels | None) -> Header:
    size = structure.size
    transform: Transform = tuple(dataset.transform)[:6]
    crs = None
    with suppress(CRSError):
        crs = crs_name(dataset.crs.to_wkt()) if dataset.crs else None
    usable = all(map(math.isfinite, transform)) and not _places_nothing(transform)
    return Header(
        size.width_px,
        size.height_px,
        len(size.depths),
        channels is not None and channels.alpha_declared,
        transform if usable else None,
        crs,
        None if channels is None else _nodata(dataset, structure, channels),
        _capture(dataset),
    )


def _capture(dataset: DatasetReader) -> Capture:
    gml = (text for space in dataset.tag_namespaces() if space.startswith("xml:gml") for text in _texts(dataset, space))
    return read_capture(dataset.tags() | dataset.tags(ns="IMAGERY"), gml)


def _texts(dataset: DatasetReader, space: str) -> list[str]:
    return [f"{name}={value}" for name, value in dataset.tags(ns=space).items()]


def _nodata(dataset: DatasetReader, structure: Structure, channels: Channels) -> Colour | None:
    """The bands' own (of ``.aux.xml``), else that of GDAL's metadata box, else that of GeoJP2."""
    components = len(structure.size.depths)
    listed = (dataset.tags().get(NODATA_ITEM), geotiff_nodata(structure.header_file))
    return declared_colour([dataset.nodatavals, *(listed_values(text, components) for text in listed)], channels)


def _places_nothing(transform: Transform) -> bool:
    """Whether these are the image's own pixels: rows down or up, counted from a corner or from a pixel's centre."""
    a, b, c, d, e, f = transform
    return np.allclose((a, b, d, abs(e)), (1, 0, 0, 1), atol=1e-5) and max(abs(c), abs(f)) <= 0.5  # noqa: PLR2004


def _check_alpha(band: UInt8Array, name: str, *, flagged: bool) -> float:
    """The share of samples that are neither near 0 nor near 255."""
    counts = cv2.calcHist([band], [0], None, [256], [0, 256]).ravel()
    share = float((counts[: NEAR + 1].sum() + counts[255 - NEAR :].sum()) / band.size)
    if share < (FLAGGED_ALPHA_SHARE if flagged else ALPHA_SHARE):
        raise NotNrg(
            f"{name}: fourth band is not alpha: RGBN? expected NRG ({share:.0%} of it is near 0 or 255). "
            "Export near infrared, red, green, with or without alpha"
        )
    return 1 - share
