"""The outside world's errors, mapped once to ours: the URI is in the message, and what to do about it."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from tasks.core.disk_space import room_remedy
from tasks.core.errors import (
    ChangedSinceListed,
    FinalError,
    FloodExtentError,
    ObjectMissing,
    OutputRefused,
    StorageFull,
    StorageUnavailable,
    UnusableArgument,
)

Purpose = Literal["read", "write"]

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}
MISSING = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST}
UNUSABLE = {errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL, errno.EILSEQ}


@contextmanager
def translated(uri: str, purpose: Purpose) -> Iterator[None]:
    """Turn an ``OSError`` of the block into one of ours that names ``uri``.

    Raises:
        ObjectMissing: It is not there, or may not be read.
        OutputRefused: It may not be written.
        StorageFull: No space is left, or a quota or size limit is reached.
        StorageUnavailable: An error that may pass: input/output, stale mount, too many open files.
        UnusableArgument: The name itself cannot be used.
    """
    try:
        yield
    except OSError as error:
        raise local_error(error, uri, purpose) from error


def local_error(error: OSError, uri: str, purpose: Purpose) -> FloodExtentError:
    """The error of the tree that stands for a failed system call on ``uri``."""
    if error.errno in FULL:
        return StorageFull(f"{uri}: {os.strerror(error.errno or 0)}. {room_remedy(uri)}")
    if error.errno in REFUSED:
        return refused(uri, purpose, str(error))
    if error.errno in MISSING:
        return missing(uri, purpose)
    if error.errno in UNUSABLE:
        return UnusableArgument(f"{uri}: this name cannot be used ({error}). Choose another")
    return StorageUnavailable(f"{uri}: storage does not answer just now ({error})")


def missing(uri: str, purpose: Purpose) -> FinalError:
    """Nothing is there to read, or a file stands where a folder is to be written."""
    if purpose == "write":
        return OutputRefused(
            f"{uri}: cannot be written: no folder can be made there, or a file stands in its way. Choose another"
        )
    return ObjectMissing(f"{uri}: does not exist, or is a folder. Check the name")


def refused(uri: str, purpose: Purpose, detail: str, hint: str = "") -> FinalError:
    """Permission was denied; the hint says what else than permissions may be the cause of not reading."""
    if purpose == "write":
        return OutputRefused(f"{uri}: may not be written ({detail}). Check the permissions or choose another output")
    return ObjectMissing(f"{uri}: may not be read ({detail}). Check the permissions{hint}")


def changed_since_listed(uri: str) -> ChangedSinceListed:
    """Somebody writes what a run reads: nothing may be kept under the name of what was listed."""
    return ChangedSinceListed(f"{uri}: changed while the run was under way: run again when nobody writes it")
