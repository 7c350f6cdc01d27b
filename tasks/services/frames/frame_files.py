"""A frame with its sidecars as files: what identifies it, and how to work on exactly what was listed.

Somebody may write a frame while a run is under way. Answers are kept under the content that was listed, so nothing may
come under that name that was made of other content: not in this run, and above all not for later ones.

Sidecars are read when the frame is listed, as far as its header needs them, and never again: GIS programs write
statistics beside every frame that somebody looks at. What counts is what they said then of place and NoData.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from tasks.core.errors import ObjectMissing, UnreadableImage
from tasks.core.tiles.jobs import TileJob, content_key
from tasks.core.tiles.tile import Tile
from tasks.services import storage
from tasks.services.frames.decoder_process import Request
from tasks.services.storage import ObjectInfo
from tasks.services.storage.storage_errors import changed_since_listed
from tasks.services.temp_folders import temp_folder

MAX_SIDECAR_BYTES = 16 << 20


class FrameFiles(NamedTuple):
    """An image and the files that belong to it, as a listing has them."""

    image: ObjectInfo
    sidecars: tuple[ObjectInfo, ...]

    def unread_hash(self) -> str:
        """Changes when a file is written anew; for frames that are refused before they are read whole."""
        stamps = (info.stamp for info in (self.image, *self.sidecars))
        return hashlib.sha256("\n".join(("unread", self.image.uri, *stamps)).encode()).hexdigest()

    def check_unchanged(self) -> None:
        """Refuse local files that were written since they were listed; requests to S3 name the ETag.

        Raises:
            ChangedSinceListed: With the file's name.
        """
        for info in (self.image, *self.sidecars):
            if info.etag is None and storage.info(info.uri).stamp != info.stamp:
                raise changed_since_listed(info.uri)


class Sidecars(Mapping[str, bytes]):
    """The content of a frame's sidecars by name, each read when it is first asked for, and once."""

    def __init__(self, infos: Sequence[ObjectInfo]) -> None:
        self._infos = {storage.name(info.uri): info for info in infos}
        self._read: dict[str, bytes] = {}

    def __getitem__(self, name: str) -> bytes:
        if name not in self._read:
            info = self._infos[name]
            if info.size_bytes > MAX_SIDECAR_BYTES:
                what = f"{info.size_bytes:,} bytes are too many for a sidecar"
                raise UnreadableImage(f"{info.uri}: {what}. Remove or mend it")
            self._read[name] = storage.read_range(info.uri, 0, info.size_bytes, etag=info.etag)
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._infos)

    def __len__(self) -> int:
        return len(self._infos)


def content_hash(image: ObjectInfo) -> str:
    """Changes when the image does; a local file is read whole for it."""
    return content_key("tile", [(PurePosixPath(image.uri).suffix, storage.content_hash(image))])


@contextmanager
def at_hand(tile: Tile) -> Iterator[Path]:
    """A listed frame as a local file while the block works on it.

    From S3 it is fetched whole, because a decoder would read it all.

    Raises:
        ChangedSinceListed: It is not what was listed, or did not stay so; whatever else the block raised then.
        ObjectMissing: It is gone.
    """
    if storage.is_s3(tile.uri):
        image = storage.info(tile.uri)
        if content_hash(image) != tile.content_hash:
            raise changed_since_listed(tile.uri)
        with temp_folder("frame") as folder:
            path = folder / storage.name(tile.uri)
            storage.fetch(image.uri, path, etag=image.etag)
            yield path
        return
    before = storage.info(tile.uri).stamp
    try:
        yield Path(tile.uri)
    except Exception as error:
        if not _is_as_listed(tile, before):
            raise changed_since_listed(tile.uri) from error
        raise
    if not _is_as_listed(tile, before):
        raise changed_since_listed(tile.uri)


def _is_as_listed(tile: Tile, stamp: str) -> bool:
    """Whether nothing was written since `stamp`, and the content is the one that was listed."""
    try:
        image = storage.info(tile.uri)
        return image.stamp == stamp and content_hash(image) == tile.content_hash
    except ObjectMissing:
        return False


@contextmanager
def requested(job: TileJob) -> Iterator[Request]:
    """What a decoder is asked for a tile, its frame at hand for as long.

    Raises:
        UnreadableImage: The header probe found something wrong, or no place. Nothing is fetched then.
        ChangedSinceListed: The frame is not the one that was listed.
        StorageUnavailable: A retry may help.
    """
    size, grid = job.resized, job.tile.grid
    if grid is None:
        raise UnreadableImage(f"{job.tile.uri}: its place is unknown")
    with at_hand(job.tile) as path:
        yield Request(str(path), grid, size.width_px, size.height_px, job.max_pixels, job.tile.nodata, job.chips)
