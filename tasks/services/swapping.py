"""A finished folder in the place of a former one, in one step where the system has it."""

import ctypes
import os
import shutil
import uuid
from contextlib import suppress
from pathlib import Path

PARTIAL, OLD = ".partial", ".old"
AT_FDCWD = -100
RENAME_EXCHANGE = 2


def partial_name(name: str) -> str:
    """A hidden name beside ``name`` for what is not finished."""
    return f".{name}.{uuid.uuid4().hex}{PARTIAL}"


def swap_in(new: Path, target: Path) -> None:
    """Rename ``new`` to ``target``; a former folder there is exchanged in the same instant, then removed.

    Where the system cannot exchange, the former folder is renamed away first; a kill between the two renames leaves
    it to ``clear_leftovers``, which brings it back.
    """
    if not target.exists():
        new.rename(target)
        return
    if not exchange(new, target):
        swap_by_two_renames(new, target)
        return
    shutil.rmtree(new, ignore_errors=True)


def swap_by_two_renames(new: Path, target: Path) -> None:
    """Rename ``target`` away, ``new`` in, and remove the former."""
    old = target.with_name(f".{target.name}.{uuid.uuid4().hex}{OLD}")
    target.rename(old)
    new.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def exchange(one: Path, other: Path) -> bool:
    """Exchange two names at once (Linux ``renameat2``); False where the system or file system cannot."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return False
    return bool(renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0)


def clear_leftovers(target: Path) -> None:
    """Remove what killed runs left beside ``target``; the caller holds the lock, so nobody is writing there.

    A former product that was renamed away, and whose successor never came, is put back.
    """
    with suppress(FileNotFoundError, NotADirectoryError):
        names = [path.name for path in target.parent.iterdir() if path.name.startswith(f".{target.name}.")]
        for old in sorted(name for name in names if name.endswith(OLD)):
            if not target.exists():
                target.with_name(old).rename(target)
        for name in names:
            if name.endswith((PARTIAL, OLD)):
                shutil.rmtree(target.with_name(name), ignore_errors=True)
