"""The files by which ``serve`` and the runs on this machine know each other, in a folder that only its owner may read.

``<PREFECT_HOME>/flood-extent-serve`` has the credentials, which stay the same so that browsers stay logged in, and,
while ``serve`` is at work, its address. A file alone proves nothing, for a ``serve`` that was killed leaves its address
there: who reads it asks the server that answers for a proof (flows/server/server_proof.py).
"""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from prefect.settings import get_current_settings

from deployments.server_access import USER, new_auth_string
from tasks.core.errors import UnusableArgument

FOLDER_MODE, FILE_MODE, OTHERS = 0o700, 0o600, 0o077
AUTH_STRING, ADDRESS = "auth-string", "address"
LONGEST_BYTES = 1000


def folder() -> Path:
    """Where ``serve`` keeps these files and its logs."""
    return get_current_settings().home.expanduser().absolute() / "flood-extent-serve"


def private_folder() -> Path:
    """The same, made where it is missing, and closed to others.

    Raises:
        UnusableArgument: It cannot be made, or belongs to somebody else.
    """
    place = folder()
    try:
        place.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        found = place.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise UnusableArgument(f"{place} belongs to somebody else: set PREFECT_HOME to a folder of your own")
        if found.st_mode & OTHERS:
            place.chmod(FOLDER_MODE)
    except OSError as error:
        raise _unusable(place, error) from error
    return place


def own_auth_string() -> str:
    """The credentials of this Prefect home, made on first use; anew where others could read them.

    Raises:
        UnusableArgument: They cannot be written.
    """
    place = private_folder()
    return read_auth_string() or _write(place / AUTH_STRING, new_auth_string())


def read_auth_string() -> str | None:
    """The credentials of this Prefect home, where there are any that only their owner can have read or written."""
    found = _read(AUTH_STRING)
    return found if found is not None and found.startswith(f"{USER}:") else None


def write_address(address: str) -> None:
    """Say to runs of this Prefect home where ``serve`` answers.

    Raises:
        UnusableArgument: It cannot be written.
    """
    _write(private_folder() / ADDRESS, address)


def read_address() -> str | None:
    """Where ``serve`` answers, or answered before it was killed."""
    return _read(ADDRESS)


def forget_address() -> None:
    """``serve`` has ended."""
    with suppress(OSError):
        (folder() / ADDRESS).unlink(missing_ok=True)


def _read(name: str) -> str | None:
    try:
        with os.fdopen(os.open(folder() / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & OTHERS:
                return None
            return file.read(LONGEST_BYTES).decode("ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def _write(path: Path, text: str) -> str:
    """Write a file that only its owner can read, whole or not at all."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.unlink(missing_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "wb") as file:
            os.fchmod(file.fileno(), FILE_MODE)
            if os.fstat(file.fileno()).st_mode & OTHERS:
                raise PermissionError(errno.EACCES, "others can read files there")
            file.write(text.encode("ascii"))
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise _unusable(path, error) from error
    return text


def _unusable(path: Path, error: OSError) -> UnusableArgument:
    return UnusableArgument(
        f"{path}: {error.strerror or error}. `serve` keeps there what lets only you use it: set PREFECT_HOME to a "
        "folder that is yours alone, and can be written"
    )
