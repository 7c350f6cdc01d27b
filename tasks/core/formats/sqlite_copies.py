"""GeoPackages for reading, where SQLite can lock them.

SQLite locks parts of a file while it reads. A share may refuse that (CIFS with ``nobrl`` missing, NFS without a lock
daemon), and SQLite then takes the file for one that somebody else has locked. From a copy on this machine it reads.

Source: SQLite's manual on file locking (https://www.sqlite.org/lockingv3.html) and its ``os.h`` (SHARED_FIRST).
"""

import fcntl
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.core.disk_space import TEMP_PREFIX

SQLITE_SUFFIXES = (".gpkg", ".sqlite", ".db")
# The bytes that SQLite locks for reading.
SHARED_FIRST, SHARED_SIZE = 0x40000002, 510

Lock = Callable[[int, int, int, int], object]


@contextmanager
def lockable(path: Path, lockf: Lock = fcntl.lockf) -> Iterator[Path]:
    """The file itself for the block; of a GeoPackage that cannot be locked where it is, a copy of the same name.

    Raises:
        OSError: It cannot be copied.
    """
    if path.suffix.lower() not in SQLITE_SUFFIXES or may_be_locked(path, lockf):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix=f"{TEMP_PREFIX}-") as folder:
        yield Path(shutil.copyfile(path, Path(folder) / path.name))


def may_be_locked(path: Path, lockf: Lock = fcntl.lockf) -> bool:
    """Whether SQLite could lock a file for reading, after waiting perhaps; also where it cannot be opened at all."""
    try:
        file = path.open("rb")
    except OSError:  # whoever reads it says why
        return True
    with file:
        try:
            lockf(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB, SHARED_SIZE, SHARED_FIRST)
        except BlockingIOError:  # somebody is writing it
            return True
        except OSError:
            return False
    return True
