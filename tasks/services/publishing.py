"""The product under its final name: only when complete, never over somebody else's, by one run at a time."""

import json
import shutil
import uuid
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tasks.core.errors import ObjectMissing, OutputRefused
from tasks.core.file_names import safe_path
from tasks.services import storage
from tasks.services.objects import dataset_name
from tasks.services.output_lock import locked
from tasks.services.storage_errors import translated
from tasks.services.swapping import clear_leftovers, partial_name, swap_in

__all__ = ["check_owner", "check_writable", "dataset_name", "locked", "publish", "zip_folder"]

RECORD = "run.json"
# In S3, where nothing can be renamed: whose half-uploaded product this is, until its run.json is there.
MARKER = ".publishing.json"
UPLOADS_AT_ONCE = 8
ZIP_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that zip knows: the same product gives the same bytes
ZIP_MODE = 0o644 << 16
MEMBER_BYTES = 255


def check_writable(output_directory: str) -> None:
    """Write and remove a small object, so that a run does not find out at its end.

    Raises:
        OutputRefused: The output cannot be written.
        StorageFull: It is full.
    """
    probe = storage.join(storage.resolve(output_directory), f".{uuid.uuid4().hex}.partial")
    storage.write_bytes(probe, b"flood-extent checks that it can write here")
    storage.delete(probe)


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
        raise OutputRefused(f"{destination}: is a file. Remove it or choose another output directory")
    if not storage.is_folder(destination) or not storage.list_objects(destination):
        return
    owner = _dataset_at(destination)
    if owner is None:
        raise OutputRefused(
            f"{destination}: holds files that are no flood-extent product (no readable {RECORD}). "
            "Move them or choose another output directory"
        )
    if owner != dataset:
        raise OutputRefused(
            f"{destination}: holds the product of another dataset ({owner}, this is {dataset}). "
            "Choose another output directory"
        )


def _dataset_at(destination: str) -> str | None:
    for name in (RECORD, MARKER):
        try:
            record = json.loads(storage.read_bytes(storage.join(destination, name)))
        except (ObjectMissing, ValueError):
            continue
        if isinstance(record, dict) and isinstance(record.get("dataset"), str):
            return str(record["dataset"])
    return None


def publish(folder: Path, destination: str) -> str:
    """Put a finished product in its place; the caller holds ``locked(destination)``.

    Locally it is copied beside and exchanged with a former one, so that readers and a kill find the old or the new.
    S3 cannot rename: the former ``run.json`` is removed first and the new one uploaded last, so that a prefix with a
    ``run.json`` is always one complete product. ``folder`` stays.

    Args:
        folder: The product, with its ``run.json``.
        destination: URI of the final folder or prefix.

    Returns:
        The resolved destination.

    Raises:
        OutputRefused: Another dataset's product or foreign files are there, or it cannot be written.
        StorageFull: No space left; what was there before is untouched.
        StorageUnavailable: S3 failed; publishing again continues.
    """
    destination = storage.resolve(destination)
    dataset = _record(folder)["dataset"]
    if storage.is_s3(destination):
        check_owner(destination, dataset)
        _publish_to_s3(folder, destination, dataset)
    else:
        clear_leftovers(Path(destination))
        check_owner(destination, dataset)
        _publish_locally(folder, Path(destination))
    return destination


def _record(folder: Path) -> dict[str, Any]:
    with translated(str(folder / RECORD), "read"):
        record: dict[str, Any] = json.loads((folder / RECORD).read_bytes())
    return record


def _publish_locally(folder: Path, destination: Path) -> None:
    partial = destination.with_name(partial_name(destination.name))
    with translated(str(destination), "write"):
        destination.parent.mkdir(parents=True, exist_ok=True)
        try:
            _copy(folder, partial)
            swap_in(partial, destination)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _copy(folder: Path, target: Path) -> None:
    # Not copytree: it gathers errors into one without their numbers, and a full disk could not be told from the rest.
    target.mkdir()
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            (target / path.relative_to(folder)).mkdir(parents=True, exist_ok=True)
        else:
            shutil.copyfile(path, target / path.relative_to(folder))


def _publish_to_s3(folder: Path, destination: str, dataset: str) -> None:
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    marker = storage.join(destination, MARKER)
    storage.write_bytes(marker, json.dumps({"dataset": dataset}).encode())
    storage.delete(storage.join(destination, RECORD))
    with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
        list(pool.map(lambda name: _upload(files[name], destination, name), sorted(files.keys() - {RECORD})))
    for info in storage.list_objects(destination):
        if info.relative_path not in {*files, MARKER}:
            storage.delete(info.uri)
    _upload(files[RECORD], destination, RECORD)
    storage.delete(marker)


def _upload(path: Path, destination: str, name: str) -> None:
    with translated(str(path), "read"):
        data = path.read_bytes()
    storage.write_bytes(storage.join(destination, name), data)


def zip_folder(folder: Path, zip_path: Path) -> None:
    """Pack a folder; the same files give the same bytes. The zip itself may lie in the folder.

    Raises:
        StorageFull: No space left; no half zip stays behind.
    """
    partial = zip_path.with_name(partial_name(zip_path.name))
    try:
        with translated(str(zip_path), "write"):
            _pack(folder, partial, leave_out={zip_path, partial})
            partial.replace(zip_path)
    finally:
        partial.unlink(missing_ok=True)


def _pack(folder: Path, target: Path, leave_out: set[Path]) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path not in leave_out:
                name = safe_path(path.relative_to(folder).as_posix(), MEMBER_BYTES)
                member = zipfile.ZipInfo(name, ZIP_DATE)
                member.compress_type, member.external_attr = zipfile.ZIP_DEFLATED, ZIP_MODE
                with path.open("rb") as source, archive.open(member, "w", force_zip64=True) as packed:
                    shutil.copyfileobj(source, packed, 1 << 20)
