"""A product on a disk: copied beside and exchanged with a former one, with all that people have put there."""

import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tasks.services.publishing.belongings import Belongings, HandOver
from tasks.services.publishing.former_product import FormerProduct
from tasks.services.publishing.product_folder import copy_product, hashes_of
from tasks.services.publishing.swapping import SWAPPED, partial_name, swap_in
from tasks.services.storage.storage_errors import translated


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
        _withdraw(ready, destination)
        raise
    late: Mapping[str, str] = {}
    with suppress(OSError):  # the product is there; what is left beside it, the next one looks through
        late = {} if former is None else HandOver(former, destination, seen, kept).do()
    return {**kept, **late}


def _withdraw(ready: Path, destination: Path) -> None:
    """Remove a product that could not be swapped in, and the second names in it."""
    with suppress(OSError):
        HandOver(ready, destination, Belongings(FormerProduct.at(str(ready), destination.name))).do()
