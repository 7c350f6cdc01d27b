"""GeoPackages on a share without locks are read from a copy."""

import errno
import os
from pathlib import Path

import pytest

from tasks.core.formats.sqlite_copies import lockable


def refusing(number: int):  # noqa: ANN201 - as fcntl.lockf
    """A ``lockf`` that fails with this error."""

    def lockf(descriptor: int, operation: int, length: int, start: int) -> None:  # noqa: ARG001 - as the system's
        raise OSError(number, os.strerror(number))

    return lockf


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A file that is called as a GeoPackage."""
    path = tmp_path / "flood_extent.gpkg"
    path.write_bytes(b"layers")
    return path


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOLCK, errno.EINVAL], ids=errno.errorcode.get)
def test_what_cannot_be_locked_is_copied(package: Path, number: int) -> None:
    """The copy has the file's name and content, and goes with the block."""
    with lockable(package, refusing(number)) as copy:
        assert (copy.name, copy.read_bytes(), copy == package) == (package.name, b"layers", False)
    assert not copy.parent.exists()


def test_a_file_that_somebody_writes_is_waited_for(package: Path) -> None:
    """SQLite waits for the writer; a copy would be of half a change."""
    with lockable(package, refusing(errno.EAGAIN)) as same:
        assert same == package


@pytest.mark.parametrize("name", ["flood_extent.gpkg", "reference.shp", "none.gpkg"])
def test_other_files_are_read_where_they_are(package: Path, name: str) -> None:
    """What can be locked, is no database, or is not there at all."""
    with lockable(package.with_name(name)) as same:
        assert same == package.with_name(name)
