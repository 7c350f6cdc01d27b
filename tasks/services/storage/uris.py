"""What an object in storage is: its URI, and what a listing tells about it.

A URI is an absolute local path (``/data/tiles/a.jp2``) or ``s3://bucket/key``; ``resolve`` makes one of what a person
types.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tasks.core.errors import UnusableArgument
from tasks.core.jpeg2000.sidecars import IMAGE_SUFFIX, is_image
from tasks.core.redaction import USERINFO
from tasks.core.tiles.file_names import safe_name

S3_SCHEME = "s3://"
FILE_SCHEME = "file://"
LIST_SUFFIX = ".txt"
# Of 255: the locks and partial folders beside a product add to its name.
NAME_BYTES = 180


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One object of a listing.

    Attributes:
        uri: Absolute local path or ``s3://bucket/key``.
        relative_path: Path below the listed folder or prefix, ``/``-separated.
        size_bytes: Its size.
        etag: S3's ETag without quotes; None for local files.
        modified_at: Time of the last change, seconds since the epoch.
        stamp: Changes with every writing: the ETag; of a local file its inode, size and times, as the system has them.
    """

    uri: str
    relative_path: str
    size_bytes: int
    etag: str | None = None
    modified_at: float = 0.0
    stamp: str = ""


def is_s3(uri: str) -> bool:
    """Whether the URI is in S3."""
    return uri.startswith(S3_SCHEME)


def resolve(uri: str) -> str:
    """An absolute URI without a trailing slash, of a path or URI as a person types it.

    Raises:
        UnusableArgument: The scheme is neither local nor S3, or the bucket is missing.
    """
    if is_s3(uri):
        return _resolved_s3(uri)
    if uri.startswith(FILE_SCHEME):
        return _absolute(unquote(urlsplit(uri.replace("?", "%3F").replace("#", "%23")).path))
    if "://" in uri or not uri or "\0" in uri:
        raise UnusableArgument(f"{uri!r} is neither a local path nor s3://bucket/prefix: give one of these")
    try:
        return _absolute(str(Path(uri).expanduser()))
    except RuntimeError as error:  # of a user without a home directory, or that does not exist
        raise UnusableArgument(f"{uri}: nobody here has this home directory (~). Give the whole path") from error


def _absolute(path: str) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - Path.resolve would follow links: people look for the name they gave


def _resolved_s3(uri: str) -> str:
    bucket, _, key = uri.removeprefix(S3_SCHEME).partition("/")
    if not bucket:
        raise UnusableArgument(f"{uri!r} names no bucket: give s3://bucket/prefix")
    if USERINFO.search(uri):
        raise UnusableArgument(f"{uri!r} was given with credentials in it: set them as AWS's clients read them")
    return f"{S3_SCHEME}{bucket}/{key}".rstrip("/")


def join(uri: str, *parts: str) -> str:
    """The URI of something below ``uri``; parts may hold slashes."""
    return "/".join([uri.rstrip("/"), *(part.strip("/") for part in parts if part.strip("/"))])


def parent(uri: str) -> str:
    """The folder or prefix that holds the object; a bucket or the root is its own parent."""
    if is_s3(uri):
        bucket, _, key = uri.removeprefix(S3_SCHEME).rstrip("/").partition("/")
        return f"{S3_SCHEME}{bucket}/{key.rpartition('/')[0]}".rstrip("/")
    return str(Path(uri).parent)


def name(uri: str) -> str:
    """The last component: the file name, or the bucket's where the key is empty."""
    return uri.rstrip("/").rpartition("/")[2]


def dataset_name(dataset: str) -> str:
    """What the product's folder is called: the last component of folder or prefix, the stem of a list or of a frame.

    Safe as a file name everywhere (``file_names.safe_name``).
    """
    last = name(resolve(dataset))
    ending = next((suffix for suffix in (LIST_SUFFIX, IMAGE_SUFFIX) if last.lower().endswith(suffix)), "")
    return safe_name(last[: len(last) - len(ending)], NAME_BYTES) or "dataset"


def former_dataset_name(dataset: str) -> str:
    """The same with a frame's ending: under this name there are products of single frames."""
    whole = name(resolve(dataset))
    return safe_name(whole, NAME_BYTES) if is_image(whole) else dataset_name(dataset)
