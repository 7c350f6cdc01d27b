"""A product on a disk: copied beside and exchanged with a former one, with all that people have put there."""

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from tasks.services.publishing.carried_files import Belongings, HandOver
from tasks.services.publishing.former_product import FormerProduct
from tasks.services.publishing.product_folder import copy_product, hashes_of
from tasks.services.publishing.swapping import OLD, PARTIAL, SWAPPED, partial_name, swap_in
from tasks.services.storage.storage_errors import translated
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
            _hand_over_unseen(former, target)
    for partial in _folders(target, PARTIAL):
        shutil.rmtree(partial, ignore_errors=True)


def _folders(target: Path, ending: str) -> Iterator[Path]:
    """Folders beside ``target`` that a publishing run may have named so; a link is none."""
    named = re.compile(rf"\.{re.escape(target.name)}\.{HEX_DIGITS}{re.escape(ending)}")
    with suppress(FileNotFoundError, NotADirectoryError):
        found = sorted(path for path in target.parent.iterdir() if named.fullmatch(path.name))
        yield from (path for path in found if path.is_dir() and not path.is_symlink())


def _hand_over_unseen(folder: Path, target: Path) -> None:
    """Give ``target`` what is somebody's own in a folder of which nobody knows what was carried over."""
    with suppress(OSError):
        HandOver(folder, target, Belongings(FormerProduct.at(str(folder), target.name))).do()


def publish(folder: Path, destination: Path) -> Mapping[str, str]:
    """Put a product in place of a former one; the names that other files keep, by their own.

    Raises:
        OutputRefused: It cannot be written.
        StorageFull: No space left; what was there before is untouched.
    """
    partial = destination.with_name(partial_name(destination.name))
    with translated(str(destination), "write"):
        destination.parent.mkdir(parents=True, exist_ok=True)
        try:
            copy_product(folder, partial)
            return _put_in_place(partial, destination)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _put_in_place(partial: Path, destination: Path) -> Mapping[str, str]:
    """Rename a copied product to its destination, with what people have there; the names that these keep."""
    if not destination.is_dir():
        swap_in(partial, destination)
        return {}
    seen = Belongings.of(destination, destination.name)
    kept = seen.kept(hashes_of(partial))
    ready = partial.rename(partial.with_suffix(SWAPPED))
    try:
        seen.carry_over(destination, ready, kept)
        former = swap_in(ready, destination)
    except BaseException:
        _hand_over_unseen(ready, destination)  # and the second names in it go
        raise
    late: Mapping[str, str] = {}
    with suppress(OSError):  # the product is there; what is left beside it, the next one looks through
        late = {} if former is None else HandOver(former, destination, seen, kept).do()
    return {**kept, **late}
