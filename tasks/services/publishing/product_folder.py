"""A finished product as files on this machine: what is in it, and packed into one."""

import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from tasks.core.reports.seals import seal_zip
from tasks.core.tiles.file_names import safe_path
from tasks.services.publishing.former_product import digest
from tasks.services.storage.local_store import write_atomically
from tasks.services.storage.local_tree import entries, pieces
from tasks.services.storage.storage_errors import translated

NO_DATE = datetime(1980, 1, 1, tzinfo=UTC)  # the earliest that zip knows
ZIP_MODE = 0o644 << 16
MEMBER_BYTES = 255


def files_of(folder: Path) -> Iterator[tuple[str, Path]]:
    """Relative path and path of every file; links are among them, and whoever opens one with ``pieces`` is refused."""
    return ((name, folder / name) for name, _ in entries(folder) if not (folder / name).is_dir())


def hashes_of(folder: Path) -> dict[str, str]:
    """SHA-256 of the product's files by relative path.

    Raises:
        UnusableArgument: Something else than files is there.
    """
    with translated(str(folder), "read"):
        return {name: digest(pieces(path)) for name, path in sorted(files_of(folder))}


def copy_product(folder: Path, target: Path) -> None:
    """Copy the files into a new folder.

    Raises:
        OSError: One cannot be read or written.
    """
    # Not copytree: it gathers errors into one without their numbers, and a full disk could not be told from the rest.
    target.mkdir()
    for name, path in files_of(folder):
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        with copy.open("xb") as file:
            file.writelines(pieces(path))


def zip_folder(folder: Path, zip_path: Path, made: datetime = NO_DATE) -> None:
    """Pack a folder; the same files and time give the same bytes. Links are refused.

    Args:
        folder: What to pack.
        zip_path: The zip, which may lie in the folder.
        made: The date of all that is in it.

    Raises:
        StorageFull: No space left; no half zip stays behind.
    """

    def pack(partial: Path) -> None:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, path in sorted(files_of(folder)):
                if path in (zip_path, partial):
                    continue
                member = zipfile.ZipInfo(safe_path(name, MEMBER_BYTES), made.timetuple()[:6])
                member.compress_type, member.external_attr = zipfile.ZIP_DEFLATED, ZIP_MODE
                with archive.open(member, "w", force_zip64=True) as packed:
                    packed.writelines(pieces(path))
        seal_zip(partial)

    write_atomically(zip_path, pack)
