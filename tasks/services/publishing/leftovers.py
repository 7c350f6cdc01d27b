"""What killed runs left beside a product."""

import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tasks.services.publishing.belongings import Belongings, HandOver
from tasks.services.publishing.former_product import FormerProduct
from tasks.services.publishing.swapping import OLD, PARTIAL, SWAPPED
from tasks.services.work_directory.run_records import RECORD

HEX_DIGITS = "[0-9a-f]{4,32}"


def clear_leftovers(target: Path) -> None:
    """Remove what killed runs left beside ``target``; the caller holds the lock, so nobody is writing there.

    A former product that was renamed away, and whose successor never came, is put back. What is somebody's own in a
    folder that was swapped out goes to ``target``.
    """
    for former in [*_folders(target, OLD), *_folders(target, SWAPPED)]:
        if not target.exists() and (former / RECORD).exists():
            former.rename(target)
        elif target.exists():
            with suppress(OSError):
                HandOver(former, target, Belongings(FormerProduct.at(str(former), target.name))).do()
    for partial in _folders(target, PARTIAL):
        shutil.rmtree(partial, ignore_errors=True)


def _folders(target: Path, ending: str) -> Iterator[Path]:
    """Folders beside ``target`` that a publishing run may have named so; a link is none."""
    named = re.compile(rf"\.{re.escape(target.name)}\.{HEX_DIGITS}{re.escape(ending)}")
    with suppress(FileNotFoundError, NotADirectoryError):
        found = sorted(path for path in target.parent.iterdir() if named.fullmatch(path.name))
        yield from (path for path in found if path.is_dir() and not path.is_symlink())
