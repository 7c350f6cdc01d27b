"""Text files that list images, one URI a line, and what a line may name.

Whoever may write a list need not be allowed to read what it names. So a list in S3 names frames of its own bucket and
of buckets that the operator allows, never files of the machine that reads it; and nothing is opened that is not called
as frames are.
"""

from collections.abc import Collection, Sequence
from itertools import takewhile
from typing import NamedTuple
from urllib.parse import urlsplit

from tasks.core.errors import DatasetNotFound, EmptyDataset, ObjectMissing, UnusableArgument
from tasks.core.jpeg2000.sidecars import IMAGE_SUFFIX, is_image
from tasks.services import storage
from tasks.services.storage.uris import LIST_SUFFIX, S3_SCHEME

LIST_BUCKETS = "FLOOD_EXTENT_LIST_BUCKETS"  # names, with commas between them
MAX_LIST_BYTES = 64 << 20


class Line(NamedTuple):
    """A line of a list.

    Attributes:
        uri: What it names, absolute; of a refused line, its text.
        refusal: Why that is not read; None where it may be.
    """

    uri: str
    refusal: str | None = None


def is_list(dataset: str) -> bool:
    """Whether a dataset is a list of images."""
    return dataset.lower().endswith(LIST_SUFFIX) and not storage.is_folder(dataset)


def read_list(dataset: str, other_buckets: Collection[str] = ()) -> list[Line]:
    """The lines of a list in their order, each URI once; comments and blank lines are skipped.

    Args:
        dataset: Path or URI of the list.
        other_buckets: Buckets that a list in S3 may name besides its own.

    Raises:
        DatasetNotFound: The list does not exist, or is no text.
        EmptyDataset: It names nothing.
    """
    named = [line for line in map(str.strip, _text(dataset).splitlines()) if line and not line.startswith("#")]
    if not named:
        raise EmptyDataset(f"the list {dataset!r} names no image. Write the path or URI of one frame a line")
    place = storage.resolve(dataset)
    buckets = {root(place), *(f"{S3_SCHEME}{bucket}" for bucket in other_buckets)}
    lines = [_line(line, place, buckets) for line in named]
    return list({line.uri: line for line in reversed(lines)}.values())[::-1]


def _text(dataset: str) -> str:
    try:
        if storage.info(dataset).size_bytes > MAX_LIST_BYTES:
            raise DatasetNotFound(f"the list {dataset!r} has more than {MAX_LIST_BYTES:,} bytes: that is no list")
        return storage.read_bytes(dataset).decode("utf-8-sig")
    except ObjectMissing as error:
        raise DatasetNotFound(f"the list {dataset!r} does not exist: {error}") from error
    except UnicodeDecodeError as error:
        raise DatasetNotFound(
            f"the list {dataset!r} is not UTF-8 text. Save it as UTF-8, with the path or URI of one frame a line"
        ) from error


def _line(text: str, place: str, buckets: Collection[str]) -> Line:
    try:
        uri = _absolute(text, place)
    except UnusableArgument as error:
        return Line(text, str(error))
    if storage.is_s3(place) and not storage.is_s3(uri):
        return Line(text, f"{text}: a list in S3 names no local files. Give s3:// URIs of its bucket, or a local list")
    if storage.is_s3(place) and root(uri) not in buckets:
        remedy = f"Where this is wanted, set {LIST_BUCKETS} to the bucket's name where the run is started"
        return Line(text, f"{text}: a list in S3 names frames of its own bucket alone. {remedy}")
    if not is_image(uri):
        return Line(text, f"{text}: is not called {IMAGE_SUFFIX}, so it is not read. List JPEG2000 frames alone")
    return Line(uri)


def _absolute(line: str, place: str) -> str:
    is_relative = not urlsplit(line).scheme and not line.startswith(("/", "~"))
    if is_relative and storage.is_s3(place):
        return _beside(line, place)
    return storage.resolve(storage.join(storage.parent(place), line) if is_relative else line)


def _beside(line: str, place: str) -> str:
    """What a line of a list in S3 names relative to it: S3 knows nothing of ``..``, and ``//`` is no ``/`` there."""
    bucket = root(place)
    parts = place.removeprefix(f"{bucket}/").split("/")[:-1]
    for part in line.split("/"):
        if part == "..":
            del parts[-1:]
        elif part != ".":
            parts.append(part)
    return "/".join([bucket, *parts])


def listed_ids(uris: Sequence[str]) -> list[str]:
    """Tile ids of listed images: paths below the common parent of their bucket; other buckets than the first prefixed.

    The first is prefixed too where a folder in it is named like another bucket.

    Args:
        uris: Distinct absolute local paths or ``s3://`` URIs.
    """
    roots = list(dict.fromkeys(root(uri) for uri in uris))
    common = {bucket: _common_parent([uri for uri in uris if root(uri) == bucket]) for bucket in roots}
    relative = [safe_id(uri[len(common[root(uri)]) :]) for uri in uris]
    prefixed = [f"{storage.name(root(uri))}/{path}" for uri, path in zip(uris, relative, strict=True)]
    ids = [path if root(uri) == roots[0] else full for uri, path, full in zip(uris, relative, prefixed, strict=True)]
    return ids if len(set(ids)) == len(ids) else prefixed


def safe_id(path: str) -> str:
    """A path below the dataset as tile ids have it; a key in S3 may hold ``..``, where it is but a name."""
    return "/".join("_" if part == ".." else part for part in path.lstrip("/").split("/")) or "_"


def root(uri: str) -> str:
    """``s3://bucket`` of an S3 object; ``local`` for a file."""
    return "/".join(uri.split("/")[:3]) if storage.is_s3(uri) else "local"


def _common_parent(uris: Sequence[str]) -> str:
    """The longest folder that holds all: compared by component, so that ``/a/b1`` and ``/a/b2`` share ``/a``."""
    folders = [uri.split("/")[:-1] for uri in uris]
    # Not commonpath, which makes one slash of two: of keys in S3 that is another.
    shared = takewhile(lambda parts: len(set(parts)) == 1, zip(*folders, strict=False))
    return "/".join(parts[0] for parts in shared)
