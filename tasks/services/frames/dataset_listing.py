"""The images of a dataset: below an ``s3://`` prefix, below a folder, or listed in a text file.

Listing never fails because of an image: what is wrong with one is written into its tile, as its ``problem``.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple, TypeVar

from tasks.core.errors import (
    DatasetNotFound,
    EmptyDataset,
    FloodExtentError,
    ObjectMissing,
    TooLarge,
    TransientError,
    UnreadableImage,
)
from tasks.core.imagery import georeference
from tasks.core.jpeg2000 import jpeg2000
from tasks.core.jpeg2000.jpeg2000 import Header
from tasks.core.jpeg2000.sidecars import IMAGE_SUFFIX, Folder, is_image
from tasks.core.tiles.tile import Tile
from tasks.services import storage
from tasks.services.frames.frame_files import FrameFiles, Sidecars, content_hash
from tasks.services.frames.image_lists import Line, is_list, listed_ids, read_list, safe_id
from tasks.services.storage.uris import S3_SCHEME, ObjectInfo

__all__ = ["Entry", "list_tiles", "listed_ids", "probe_tile"]

PROBES_AT_ONCE = 16
PROBE_ATTEMPTS = 3
# Lossless JPEG2000 of noise is a little larger than its samples of one byte each.
MOST_BYTES_A_SAMPLE = 2
MOST_METADATA_BYTES = 64 << 20

T = TypeVar("T")


class Entry(NamedTuple):
    """An image of the dataset before anything of it was read.

    Attributes:
        tile_id: Path below the dataset.
        uri: Where it should be.
        find: Asks storage for it and its sidecars.
    """

    tile_id: str
    uri: str
    find: Callable[[], FrameFiles]


def list_tiles(dataset: str, *, crs: str | None, max_pixels: int, list_buckets: Collection[str] = ()) -> list[Tile]:
    """Every image of the dataset with its header judged, sorted by id.

    Args:
        dataset: ``s3://bucket/prefix``, a folder, one image, or a ``.txt`` file with one image URI a line.
        crs: The CRS to settle the tiles' own with (``georeference.settle``).
        max_pixels: Pixels that an image may declare.
        list_buckets: Buckets that a list in S3 may name besides its own.

    Raises:
        DatasetNotFound: There is nothing at that address.
        EmptyDataset: It holds no ``.jp2``.
    """
    probe = partial(probe_tile, crs=crs, max_pixels=max_pixels)
    with ThreadPoolExecutor(PROBES_AT_ONCE) as pool:
        return sorted(pool.map(probe, _entries(dataset, list_buckets, pool)), key=lambda tile: tile.id)


def probe_tile(entry: Entry, *, crs: str | None, max_pixels: int) -> Tile:
    """Read one header. Never raises: what is wrong is the tile's ``problem``."""
    known: dict[str, Any] = {"id": entry.tile_id, "uri": entry.uri, "size_bytes": 0, "content_hash": ""}
    try:
        files = _with_patience(entry.find)
        known |= {"size_bytes": files.image.size_bytes, "sidecars": tuple(info.uri for info in files.sidecars)}
        known["content_hash"] = files.unread_hash()
        return _tile_of(known, files, crs, max_pixels)
    except FloodExtentError as error:
        return Tile(**known, problem=str(error))
    except Exception as error:  # noqa: BLE001 - a hostile header costs its own tile, never the listing
        return Tile(**known, problem=f"{entry.uri}: its header cannot be read ({error!r}). Export the frame again")


def _with_patience(attempt: Callable[[], T]) -> T:
    """Ask storage again where it may answer the next time; a probe is no task and has no retries of its own."""
    for _ in range(PROBE_ATTEMPTS - 1):
        try:
            return attempt()
        except TransientError:
            continue
    return attempt()


def _tile_of(known: Mapping[str, Any], files: FrameFiles, crs: str | None, max_pixels: int) -> Tile:
    """The tile of a frame: its header is judged before its content, which may be of any size, is read."""
    image = files.image
    beside = Sidecars(files.sidecars)
    asked = (partial(storage.read_range, image.uri, etag=image.etag), image.size_bytes, image.uri, beside)
    try:
        is_local = image.etag is None
        header = _with_patience(lambda: jpeg2000.probe(*asked, max_pixels=max_pixels, every_tile_part=is_local))
        grid = georeference.settle(header, crs, image.uri)
        _check_size(image, header)
    except UnreadableImage as error:
        peeked: dict[str, Any] = {}
        with suppress(UnreadableImage):  # what its header still tells: the ground that will not be assessed
            header = jpeg2000.peek(*asked, max_pixels=max_pixels)
            peeked["bands"] = header.bands
            peeked["grid"] = georeference.settle(header, crs, image.uri)
        return Tile(**known, **peeked, problem=str(error))
    known = {**known, "content_hash": _with_patience(partial(content_hash, image))}
    files.check_unchanged()
    capture = header.capture
    return Tile(
        **known, bands=header.bands, grid=grid, nodata=header.nodata, captured=capture.time, sensor=capture.sensor
    )


def _check_size(image: ObjectInfo, header: Header) -> None:
    """Refuse what no encoder makes of so few pixels: to hash it could take for ever."""
    most = MOST_BYTES_A_SAMPLE * header.width_px * header.height_px * header.bands + MOST_METADATA_BYTES
    if image.size_bytes > most:
        raise TooLarge(
            f"{image.uri}: {image.size_bytes:,} bytes are too many for {header.width_px} x {header.height_px} px with "
            f"{header.bands} bands. Copy or export it again"
        )


def _entries(dataset: str, list_buckets: Collection[str], pool: Executor) -> list[Entry]:
    if is_list(dataset):
        return _distinct(_of_lines(read_list(dataset, list_buckets), pool))
    try:
        found = storage.list_objects(dataset)
    except ObjectMissing as error:
        raise DatasetNotFound(f"dataset {dataset!r} does not exist: {error}") from error
    images = [info for info in found if is_image(info.relative_path)]
    if not images:
        raise EmptyDataset(_nothing_found(dataset, found))
    if images[0].uri == storage.resolve(dataset):  # one image, whose sidecars were not listed with it
        return _of_lines([Line(images[0].uri)], pool)
    return _distinct(_of_folders(found, images))


def _nothing_found(dataset: str, found: Sequence[ObjectInfo]) -> str:
    """What is there instead of frames, and what to name."""
    if [info.uri for info in found] == [storage.resolve(dataset)]:
        return (
            f"dataset {dataset!r} is neither a JPEG2000 frame ({IMAGE_SUFFIX}) nor a list of them (.txt). Name one of "
            "these or a folder of frames; frames in other formats must be exported as JPEG2000 first"
        )
    return (
        f"dataset {dataset!r} holds no {IMAGE_SUFFIX} image (other files: {len(found)}). Name a folder or prefix with "
        "JPEG2000 frames, or a .txt file that lists them; frames in other formats must be exported as JPEG2000 first"
    )


class _Files:
    """The objects of one folder, to find those that belong together."""

    def __init__(self, infos: Iterable[ObjectInfo]) -> None:
        self._by_name = {_split(info.uri)[1]: info for info in infos}
        self._folder = Folder(self._by_name)

    def sidecars(self, uri: str) -> tuple[ObjectInfo, ...]:
        return tuple(self._by_name[name] for name in self._folder.sidecars(_split(uri)[1]))


def _of_folders(found: Sequence[ObjectInfo], images: Sequence[ObjectInfo]) -> list[Entry]:
    """Entries of what was found below a folder; a sidecar lies in the very folder of its image."""
    by_folder: dict[str, list[ObjectInfo]] = {}
    for info in found:
        by_folder.setdefault(_split(info.uri)[0], []).append(info)
    files = {folder: _Files(infos) for folder, infos in by_folder.items()}
    return [_of_info(info, files[_split(info.uri)[0]]) for info in images]


def _of_info(info: ObjectInfo, files: _Files) -> Entry:
    tile_id, readable = safe_id(info.relative_path), _readable(info.uri)
    if readable != info.uri:
        return Entry(_readable(tile_id), readable, partial(_refuse, f"{readable}: its name is not UTF-8. Rename it"))
    return Entry(tile_id, info.uri, lambda: FrameFiles(info, files.sidecars(info.uri)))


def _readable(name: str) -> str:
    """A file name whose bytes that are not UTF-8 are spelled out in hexadecimal digits."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _of_lines(lines: Sequence[Line], pool: Executor) -> list[Entry]:
    """Entries of listed images; each folder is looked through once, before the first of its images is probed."""
    allowed = [line.uri for line in lines if line.refusal is None]
    ids, folders = dict(zip(allowed, listed_ids(allowed), strict=True)), dict[str, Future[_Files]]()
    for uri in allowed:
        if _split(uri)[0] not in folders:
            folders[_split(uri)[0]] = pool.submit(_with_patience, lambda uri=uri: _Files(storage.siblings(uri)))
    return [
        Entry(ids[line.uri], line.uri, partial(_look_up, line.uri, folders[_split(line.uri)[0]]))
        if line.refusal is None
        else Entry(safe_id(line.uri.removeprefix(S3_SCHEME)), line.uri, partial(_refuse, line.refusal))
        for line in lines
    ]


def _look_up(uri: str, beside: Future[_Files]) -> FrameFiles:
    image = storage.info(uri)
    return FrameFiles(image, beside.result().sidecars(uri))


def _refuse(message: str) -> FrameFiles:
    raise UnreadableImage(message)


def _split(uri: str) -> tuple[str, str]:
    """Folder and name."""
    folder, _, name = uri.rpartition("/")
    return folder, name


def _distinct(entries: Iterable[Entry]) -> list[Entry]:
    """The entries with no id twice: of those that would share one, all but the first get a hash of the URI."""
    by_id: dict[str, Entry] = {}
    for entry in entries:
        mark = hashlib.sha256(entry.uri.encode()).hexdigest()[:8]
        tile_id = f"{entry.tile_id} ({mark})" if entry.tile_id in by_id else entry.tile_id
        by_id[tile_id] = entry._replace(tile_id=tile_id)
    return list(by_id.values())
