"""Locks on shares that have none: a run goes on, says so, and still keeps out another of this machine."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.core.errors import OutputRefused, StorageUnavailable
from tasks.services.publishing import publishing
from tasks.services.publishing.output_lock import Flock

# As NFS without a lock daemon, FUSE, 9p, and CIFS without byte-range locks answer.
NO_LOCKS = [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EACCES]


def refusing(number: int, refuses: Callable[[int], bool] = lambda _: True) -> Flock:
    """A ``flock`` that fails with this error; on some files alone, by their descriptor."""

    def flock(descriptor: int, operation: int) -> None:  # noqa: ARG001 - as the system's
        if refuses(descriptor):
            raise OSError(number, os.strerror(number))

    return flock


@pytest.mark.parametrize("number", NO_LOCKS, ids=errno.errorcode.get)
def test_a_share_without_locks_is_written_with_a_warning(number: int, tmp_path: Path) -> None:
    """The warning names share and reason; nothing is left there, neither during the run nor after it."""
    with publishing.locked(str(tmp_path / "x"), flock=refusing(number)) as warning:
        assert list(tmp_path.iterdir()) == []
    assert warning is not None
    assert f"{tmp_path}: this file system has no locks ({os.strerror(number)})" in warning


def test_a_second_run_on_this_machine_is_refused_there_too(tmp_path: Path) -> None:
    """Where the share cannot keep them apart, this machine does."""
    flock, output = refusing(errno.ENOLCK), str(tmp_path / "x")
    with (
        publishing.locked(output, flock=flock),
        pytest.raises(OutputRefused, match=f"another run is writing it .*{os.getpid()}"),
        publishing.locked(output, flock=flock),
    ):
        pass


def test_temporary_files_without_locks_stop_no_run(tmp_path: Path) -> None:
    """Where nothing can be locked anywhere, that is still but a warning."""
    flock = refusing(errno.ENOLCK)
    with publishing.locked(str(tmp_path / "x"), flock=flock, temp_flock=flock) as warning:
        assert warning is not None


def test_a_lock_refused_where_others_are_given_is_held(tmp_path: Path) -> None:
    """CIFS says "permission denied" of what another machine has locked: that is no share without locks."""
    lock = tmp_path / ".x.lock"
    lock.write_text("process 7 on elsewhere")
    flock = refusing(errno.EACCES, lambda descriptor: os.path.samestat(os.fstat(descriptor), lock.stat()))
    with pytest.raises(OutputRefused, match="process 7 on elsewhere"), publishing.locked(f"{tmp_path}/x", flock=flock):
        pass
    assert lock.exists()


def test_a_share_that_does_not_answer_is_no_share_without_locks(tmp_path: Path) -> None:
    """An input/output error may pass, and is none to go on with."""
    with pytest.raises(StorageUnavailable), publishing.locked(str(tmp_path / "x"), flock=refusing(errno.EIO)):
        pass


def test_with_locks_there_is_no_warning(tmp_path: Path) -> None:
    """On a disk as any other nothing is to be told."""
    with publishing.locked(str(tmp_path / "x")) as warning:
        assert warning is None
