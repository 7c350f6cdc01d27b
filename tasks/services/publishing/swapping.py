"""A finished folder in the place of a former one, in one step where the system has it."""

import ctypes
import os
import uuid
from pathlib import Path

# What is being copied and holds nothing of anybody else; what is ready to be swapped in, or was just swapped out.
PARTIAL, SWAPPED, OLD = ".partial", ".swapped", ".old"
AT_FDCWD = -100
RENAME_NOREPLACE, RENAME_EXCHANGE = 1, 2


def partial_name(name: str) -> str:
    """A hidden name beside ``name`` for what is not finished."""
    return f".{name}.{uuid.uuid4().hex}{PARTIAL}"


def swap_in(new: Path, target: Path) -> Path | None:
    """Rename ``new`` to ``target``; a former folder there is exchanged in the same instant.

    Where the system cannot exchange, the former folder is renamed away first; a kill between the two renames leaves
    it to ``local_publishing.clear_leftovers``, which brings it back.

    Returns:
        Where the former folder is; None where there was none.
    """
    if not os.path.lexists(target):
        new.rename(target)
        return None
    return new if _renameat2(new, target, RENAME_EXCHANGE) else swap_by_two_renames(new, target)


def swap_by_two_renames(new: Path, target: Path) -> Path:
    """Rename ``target`` away and ``new`` in; where the former is."""
    old = target.with_name(f".{target.name}.{uuid.uuid4().hex}{OLD}")
    target.rename(old)
    new.rename(target)
    return old


def move_to_free_name(source: Path, target: Path) -> bool:
    """Rename to a name that nothing has; False where something has it.

    Raises:
        OSError: It cannot be renamed.
    """
    if _renameat2(source, target, RENAME_NOREPLACE):
        return True
    if os.path.lexists(target):
        return False
    source.rename(target)  # the file system cannot do it in one step
    return True


def _renameat2(one: Path, other: Path, flag: int) -> bool:
    """Rename or exchange at once (Linux); False where the system or file system cannot, or not these two."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return False
    return bool(renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), flag) == 0)
