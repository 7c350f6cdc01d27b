"""The product under its final name: only when complete, never over what is somebody else's, by one run at a time."""

import os
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from tasks.core.errors import FloodExtentError, ObjectMissing, OutputRefused
from tasks.core.product.kept_names import whole_of
from tasks.services import storage
from tasks.services.publishing import local_publishing, s3_publishing
from tasks.services.publishing.carried_files import Belongings
from tasks.services.publishing.former_product import FormerProduct
from tasks.services.publishing.output_lock import locked
from tasks.services.publishing.product_folder import hashes_of, zip_folder
from tasks.services.storage.storage_errors import translated
from tasks.services.storage.uris import dataset_name, former_dataset_name
from tasks.services.work_directory.run_records import RECORD

__all__ = [
    "check_owner",
    "check_writable",
    "dataset_name",
    "locked",
    "product_place",
    "publish",
    "to_be_kept",
    "zip_folder",
]

REPORT = "report.md"
MAIN = (".shp", ".gpkg")

Report = Callable[[str], None]


def check_writable(output_directory: str) -> None:
    """Write and remove a small object, so that a run does not find out at its end.

    Raises:
        FloodExtentError: It cannot be written, or is full; the message names the directory.
    """
    directory = storage.resolve(output_directory)
    probe = storage.join(directory, f".{uuid.uuid4().hex}.partial")
    try:
        storage.write_bytes(probe, b"flood-extent checks that it can write here")
        storage.delete(probe)
    except FloodExtentError as error:
        raise type(error)(str(error).replace(probe, directory)) from error


def product_place(output_directory: str, dataset: str) -> str:
    """URI of the folder or prefix of a dataset's product; of a single frame's where there is one, that one's.

    A product that is called with the frame's ending is replaced where it is: a second one beside it would leave the
    first to be taken for the newest.
    """
    output, owner = storage.resolve(output_directory), storage.resolve(dataset)
    place, former = (storage.join(output, named(dataset)) for named in (dataset_name, former_dataset_name))
    if former != place and FormerProduct.at(former, storage.name(former)).dataset == owner:
        return former
    return place


def check_owner(destination: str, dataset: str) -> None:
    """Whether a product of ``dataset`` may appear at ``destination``: nothing is there, or a former one of the same.

    Args:
        destination: URI of the product's folder or prefix.
        dataset: As it stands in ``run.json``.

    Raises:
        OutputRefused: Something else is there: another dataset's product, or files that no run of ours wrote.
    """
    destination = storage.resolve(destination)
    if storage.exists(destination):
        raise OutputRefused(f"{destination}: is a file. Remove it or choose another `output_directory`")
    if not storage.is_s3(destination) and Path(destination).is_symlink():
        raise OutputRefused(
            f"{destination}: is a link, and a product is never put where one leads. Remove it or choose another "
            "`output_directory`"
        )
    if _is_empty(destination):
        return
    owner = FormerProduct.at(destination, storage.name(destination)).dataset
    if owner is None:
        raise OutputRefused(
            f"{destination}: holds files that are no flood-extent product (no readable {RECORD}). "
            "Move them or choose another `output_directory`"
        )
    if owner != dataset:
        raise OutputRefused(
            f"{destination}: holds the product of another dataset ({owner}, this is {dataset}). "
            "Choose another `output_directory`"
        )


def _is_empty(destination: str) -> bool:
    """Whether nothing is there, or folders alone."""
    if storage.is_s3(destination):
        return not storage.is_folder(destination) or not storage.list_objects(destination)
    folders = os.walk(destination)
    return not any(names or any(Path(here, one).is_symlink() for one in inside) for here, inside, names in folders)


class Kept(NamedTuple):
    """A file that a person has changed, or put where the product's goes, and the name under which it stays.

    ``parts`` counts the files that stay together with it, as those of a shapefile do, itself too.
    """

    name: str
    kept_as: str
    parts: int = 1

    def __str__(self) -> str:
        parts = " and its other files" if self.parts > 1 else ""
        return f"{self.name}{parts}: not as a run has written it, so it stays, as {self.kept_as}"


def to_be_kept(folder: Path, destination: str) -> list[Kept]:
    """What a product that is to go to ``destination`` would find there and leave under another name.

    Args:
        folder: The product, without its report, record and zip perhaps.
        destination: URI of the final folder or prefix.

    Raises:
        ObjectMissing: The destination cannot be read.
        StorageUnavailable: S3 failed.
    """
    destination = storage.resolve(destination)
    own = {REPORT, RECORD, f"{storage.name(destination)}.zip"}
    new = dict.fromkeys(own, "") | hashes_of(folder)
    if storage.is_s3(destination):
        seen = s3_publishing.S3Belongings.of(destination)
        return _listed(seen.former.kept(seen.present, new))
    if Path(destination).is_symlink() or not Path(destination).is_dir():
        return []
    with translated(destination, "read"):
        return _listed(Belongings.of(Path(destination), storage.name(destination)).kept(new))


def _listed(kept: Mapping[str, str]) -> list[Kept]:
    """What is kept; of files that belong together the one by which people know them."""
    together: dict[str, list[str]] = {}
    for name in sorted(kept):
        together.setdefault(whole_of(name), []).append(name)
    mains = [next((name for name in names if name.endswith(MAIN)), names[0]) for names in together.values()]
    return [Kept(name, kept[name], len(names)) for name, names in zip(mains, together.values(), strict=True)]


def publish(folder: Path, destination: str, report: Report = lambda _: None) -> str:
    """Put a finished product in its place; the caller holds ``locked(destination)``.

    Locally it is copied beside and exchanged with a former one, so that readers and a kill find the old or the new.
    S3 cannot rename: the former ``run.json`` is removed first and the new one uploaded last, so that a prefix with a
    ``run.json`` is always one complete product. ``folder`` stays. Of what is at the destination only what the former
    ``run.json`` lists, unchanged, goes: all else stays, under its own name or beside it as ``.edited``.

    Args:
        folder: The product, with its ``run.json``.
        destination: URI of the final folder or prefix.
        report: Is told of each file that is kept under another name.

    Returns:
        The resolved destination.

    Raises:
        OutputRefused: Another dataset's product or foreign files are there, or it cannot be written.
        StorageFull: No space left; what was there before is untouched.
        StorageUnavailable: S3 failed; publishing again continues.
    """
    destination = storage.resolve(destination)
    dataset = FormerProduct.at(str(folder), folder.name).dataset
    if dataset is None:
        raise ObjectMissing(f"{folder}: is no product: it has no {RECORD}")
    if storage.is_s3(destination):
        check_owner(destination, dataset)
        kept: Mapping[str, str] = s3_publishing.publish(folder, destination, dataset)
    else:
        local_publishing.clear_leftovers(Path(destination))
        check_owner(destination, dataset)
        kept = local_publishing.publish(folder, Path(destination))
    for one in _listed(kept):
        report(str(one))
    return destination
