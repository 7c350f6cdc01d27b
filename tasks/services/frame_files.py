"""A frame with its sidecars as files: what identifies it, and how to work on exactly what was listed.

Somebody may write a frame while a run is under way. Answers are kept under the content that was listed, so nothing may
come under that name that was made of other content: not in this run, and above all not for later ones.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from tasks.core.errors import ObjectMissing
from tasks.core.jobs import content_key
from tasks.core.records import Tile
from tasks.services import storage
from tasks.services.storage import ObjectInfo
from tasks.services.storage_errors import changed_since_listed
from tasks.services.temp_folders import temp_folder


class FrameFiles(NamedTuple):
    """An image and the files that belong to it, as a listing has them."""

    image: ObjectInfo
    sidecars: tuple[ObjectInfo, ...]

    @classmethod
    def of(cls, tile: Tile) -> "FrameFiles":
        """The files of a listed tile as they are."""
        return cls(storage.info(tile.uri), tuple(storage.info(uri) for uri in tile.sidecars))

    @property
    def stamps(self) -> tuple[str, ...]:
        """Another one after every writing."""
        return tuple(info.stamp for info in (self.image, *self.sidecars))

    def content_hash(self) -> str:
        """Changes when the image or one of its sidecars does; local files are read whole for it."""
        parts = [(PurePosixPath(info.uri).suffix, storage.content_hash(info)) for info in (self.image, *self.sidecars)]
        return content_key("tile", parts)

    def unread_hash(self) -> str:
        """Changes when a file is written anew; for frames that are refused before they are read whole."""
        return hashlib.sha256("\n".join(("unread", self.image.uri, *self.stamps)).encode()).hexdigest()

    def check_unchanged(self) -> None:
        """Refuse local files that were written since they were listed; requests to S3 name the ETag.

        Raises:
            ChangedSinceListed: With the file's name.
        """
        for info in (self.image, *self.sidecars):
            if info.etag is None and storage.info(info.uri).stamp != info.stamp:
                raise changed_since_listed(info.uri)


@contextmanager
def at_hand(tile: Tile) -> Iterator[Path]:
    """A listed frame as a local file with its sidecars beside it, while the block works on it.

    From S3 it is fetched whole, because a decoder would read it all.

    Raises:
        ChangedSinceListed: It is not what was listed, or did not stay so; whatever else the block raised then.
        ObjectMissing: It is gone.
    """
    if storage.is_s3(tile.uri):
        with temp_folder("frame") as folder:
            yield _fetched(tile, folder)
        return
    before = FrameFiles.of(tile).stamps
    try:
        yield Path(tile.uri)
    except Exception as error:
        if not _is_as_listed(tile, before):
            raise changed_since_listed(tile.uri) from error
        raise
    if not _is_as_listed(tile, before):
        raise changed_since_listed(tile.uri)


def _fetched(tile: Tile, folder: Path) -> Path:
    files = FrameFiles.of(tile)
    if files.content_hash() != tile.content_hash:
        raise changed_since_listed(tile.uri)
    for info in (*files.sidecars, files.image):
        storage.fetch(info.uri, folder / storage.name(info.uri), etag=info.etag)
    return folder / storage.name(tile.uri)


def _is_as_listed(tile: Tile, stamps: Sequence[str]) -> bool:
    """Whether nothing was written since `stamps`, and the content is the one that was listed."""
    try:
        files = FrameFiles.of(tile)
        return files.stamps == stamps and files.content_hash() == tile.content_hash
    except ObjectMissing:
        return False
