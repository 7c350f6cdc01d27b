"""The images of a dataset: below an ``s3://`` prefix, below a folder, or listed in a text file.

Listing never fails because of an image: what is wrong with one is written into its tile, as its ``problem``.
"""

import os
import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import PurePosixPath
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from tasks.core import georeference, jpeg2000
from tasks.core.errors import (
    DatasetNotFound,
    EmptyDataset,
    FloodExtentError,
    ObjectMissing,
    TransientError,
    UnreadableImage,
)
from tasks.core.jobs import content_key
from tasks.core.records import Tile
from tasks.services import storage
from tasks.services.storage import ObjectInfo

IMAGE_SUFFIX = ".jp2"
LIST_SUFFIX = ".txt"
PROBES_AT_ONCE = 16
PROBE_ATTEMPTS = 3

T = TypeVar("T")
Found = tuple[ObjectInfo, tuple[ObjectInfo, ...]]


class Entry(NamedTuple):
    """An image of the dataset before anything of it was read.

    Attributes:
        tile_id: Path below the dataset.
        uri: Where it should be.
        find: Asks storage for it and its sidecars.
    """

    tile_id: str
    uri: str
    find: Callable[[], Found]


def list_tiles(dataset: str, *, crs: str | None, max_pixels: int) -> list[Tile]:
    """Every image of the dataset with its header judged, sorted by id.

    Args:
        dataset: ``s3://bucket/prefix``, a folder, one image, or a ``.txt`` file with one image URI a line.
        crs: The CRS to settle the tiles' own with (``georeference.settle``).
        max_pixels: Pixels that an image may declare.

    Raises:
        DatasetNotFound: There is nothing at that address.
        EmptyDataset: It holds no ``.jp2``.
    """
    probe = partial(probe_tile, crs=crs, max_pixels=max_pixels)
    with ThreadPoolExecutor(PROBES_AT_ONCE) as pool:
        return sorted(pool.map(probe, _entries(dataset)), key=lambda tile: tile.id)


def probe_tile(entry: Entry, *, crs: str | None, max_pixels: int) -> Tile:
    """Read one header. Never raises: what is wrong is the tile's ``problem``."""
    known: dict[str, Any] = {"id": entry.tile_id, "uri": entry.uri, "size_bytes": 0, "content_hash": ""}
    try:
        image, sidecars = _with_patience(entry.find)
        known |= {"size_bytes": image.size_bytes, "sidecars": tuple(info.uri for info in sidecars)}
        known["content_hash"] = _with_patience(lambda: _content_hash(image, sidecars))
        return _judged(known, image, sidecars, crs, max_pixels)
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


def _content_hash(image: ObjectInfo, sidecars: Iterable[ObjectInfo]) -> str:
    parts = [(PurePosixPath(info.uri).suffix, storage.content_hash(info)) for info in (image, *sidecars)]
    return content_key("tile", parts)


def _judged(
    known: Mapping[str, Any], image: ObjectInfo, sidecars: Sequence[ObjectInfo], crs: str | None, max_pixels: int
) -> Tile:
    beside = {storage.name(info.uri): storage.read_bytes(info.uri) for info in sidecars}
    asked = (partial(storage.read_range, image.uri), image.size_bytes, image.uri, beside)
    try:
        header = _with_patience(lambda: jpeg2000.probe(*asked, max_pixels=max_pixels))
        grid = georeference.settle(header, crs, image.uri)
        return Tile(**known, bands=header.bands, grid=grid, nodata=header.nodata)
    except UnreadableImage as error:
        told: dict[str, Any] = {}
        with suppress(UnreadableImage):  # what its header still tells: the ground that will not be assessed
            header = jpeg2000.peek(*asked, max_pixels=max_pixels)
            told["bands"] = header.bands
            told["grid"] = georeference.settle(header, crs, image.uri)
        return Tile(**known, **told, problem=str(error))


def _entries(dataset: str) -> list[Entry]:
    if dataset.lower().endswith(LIST_SUFFIX) and not storage.is_folder(dataset):
        uris = _listed_uris(dataset)
        return [Entry(*named, partial(_look_up, named[1])) for named in zip(listed_ids(uris), uris, strict=True)]
    try:
        found = storage.list_objects(dataset)
    except ObjectMissing as error:
        raise DatasetNotFound(f"dataset {dataset!r} does not exist: {error}") from error
    images = [info for info in found if info.relative_path.lower().endswith(IMAGE_SUFFIX)]
    if not images:
        raise EmptyDataset(
            f"dataset {dataset!r} holds no {IMAGE_SUFFIX} image ({len(found)} other files). Name a folder or prefix "
            "with JPEG2000 frames, or a .txt file that lists them"
        )
    by_uri = {info.uri.lower(): info for info in found} | {info.uri: info for info in found}
    return [Entry(_safe_id(info.relative_path), info.uri, partial(_pick, info, by_uri)) for info in images]


def _pick(image: ObjectInfo, by_uri: Mapping[str, ObjectInfo]) -> Found:
    """The sidecars as `_look_up` finds them, else under a name that differs in case."""
    spellings = ((*names, names[0].lower()) for names in _sidecar_uris(image.uri))
    picked = (next((by_uri[name] for name in names if name in by_uri), None) for names in spellings)
    return image, tuple(info for info in picked if info is not None)


def _look_up(uri: str) -> Found:
    looked_up = (next(filter(storage.exists, names), None) for names in _sidecar_uris(uri))
    return storage.info(uri), tuple(storage.info(name) for name in looked_up if name is not None)


def _sidecar_uris(uri: str) -> list[tuple[str, str]]:
    """Where each sidecar may be: its ending in small letters, then in capitals, as GDAL looks for world files."""
    stem = uri.removesuffix(PurePosixPath(uri).suffix)
    ends = ((stem, ".j2w"), (stem, ".wld"), (uri, ".aux.xml"))
    return [(start + end, start + end.upper()) for start, end in ends]


def _listed_uris(dataset: str) -> list[str]:
    try:
        text = storage.read_bytes(dataset).decode("utf-8-sig")
    except ObjectMissing as error:
        raise DatasetNotFound(f"the list {dataset!r} does not exist: {error}") from error
    except UnicodeDecodeError as error:
        raise DatasetNotFound(f"the list {dataset!r} is not UTF-8 text: write one image URI a line") from error
    lines = (line.strip() for line in text.splitlines())
    named = [line for line in lines if line and not line.startswith("#")]
    if not named:
        raise EmptyDataset(f"the list {dataset!r} names no image: write one image URI a line")
    base = storage.parent(storage.resolve(dataset))
    return list(dict.fromkeys(_listed_uri(line, base) for line in named))


def _listed_uri(line: str, base: str) -> str:
    is_relative = not urlsplit(line).scheme and not line.startswith(("/", "~"))
    if is_relative and storage.is_s3(base):  # of "..", S3 knows nothing
        bucket = _root(base)
        return storage.join(bucket, posixpath.normpath(storage.join(base, line).removeprefix(bucket)))
    return storage.resolve(storage.join(base, line) if is_relative else line)


def listed_ids(uris: Sequence[str]) -> list[str]:
    """Tile ids of listed images: paths below the common parent of their bucket; other buckets than the first prefixed.

    The first is prefixed too where a folder in it is named like another bucket.

    Args:
        uris: Distinct absolute local paths or ``s3://`` URIs.
    """
    roots = list(dict.fromkeys(_root(uri) for uri in uris))
    common = {root: _common_parent([uri for uri in uris if _root(uri) == root]) for root in roots}
    relative = [_safe_id(uri[len(common[_root(uri)]) :]) for uri in uris]
    prefixed = [f"{storage.name(_root(uri))}/{path}" for uri, path in zip(uris, relative, strict=True)]
    ids = [path if _root(uri) == roots[0] else full for uri, path, full in zip(uris, relative, prefixed, strict=True)]
    return ids if len(set(ids)) == len(ids) else prefixed


def _safe_id(path: str) -> str:
    """A path below the dataset as tile ids have it; a key in S3 may hold ``..``, where it is but a name."""
    return "/".join("_" if part == ".." else part for part in path.lstrip("/").split("/"))


def _root(uri: str) -> str:
    """``s3://bucket`` of an S3 object; ``local`` for a file."""
    return "/".join(uri.split("/")[:3]) if storage.is_s3(uri) else "local"


def _common_parent(uris: Sequence[str]) -> str:
    """The longest folder that holds all: compared by component, so that ``/a/b1`` and ``/a/b2`` share ``/a``."""
    return os.path.commonpath([storage.parent(uri) for uri in uris]).replace("s3:/", "s3://", 1)
