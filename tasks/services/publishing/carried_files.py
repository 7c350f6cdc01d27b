"""What people have put into a product's folder, carried over when a new product takes the folder's place.

Before the folders are exchanged, what is somebody's own is in both: as a second name of the same file (a hard link), so
that a program which has it open goes on writing into it, and whenever the process is killed it is where it was. Then
the former folder is looked through once more for what has come meanwhile, before anything of it is removed.
"""

import errno
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from tasks.core.product.kept_names import Present, folders_of, is_kept_name, kept_name
from tasks.services.publishing.former_product import FormerProduct, digest
from tasks.services.publishing.swapping import move_to_free_name
from tasks.services.storage.local_tree import entries, pieces
from tasks.services.work_directory.run_records import RECORD

State = tuple[int, int, int, int, int]
# File systems without hard links, and files that only their owner may link.
NO_LINK = {errno.EPERM, errno.EOPNOTSUPP, errno.EXDEV, errno.EMLINK, errno.EACCES, errno.ENOSYS}
NAMES_TRIED = 1000
NOTHING = Present(frozenset(), frozenset(), frozenset())


@dataclass(frozen=True)
class Belongings:
    """What a folder holds.

    Attributes:
        former: The product that is there, as its record describes it.
        states: What each entry was when it was looked at: one that differs is looked at again.
        present: The names of all entries, by whose they are.
        folders: Those of them that are empty folders.
    """

    former: FormerProduct
    states: Mapping[str, State] = field(default_factory=dict)
    present: Present = NOTHING
    folders: frozenset[str] = frozenset()

    @classmethod
    def of(cls, folder: Path, name: str) -> "Belongings":
        """Look through the folder of a product of this name, and read what a run may have written.

        Raises:
            OSError: A folder in it cannot be read.
        """
        former, found = FormerProduct.at(str(folder), name), dict(entries(folder))
        unchanged = frozenset(one for one in found if one in former.names and _wrote(former, folder / one, one))
        folders = frozenset(one for one, status in found.items() if stat.S_ISDIR(status.st_mode))
        states = {one: _state(status) for one, status in found.items()}
        return cls(former, states, Present(frozenset(found), unchanged, former.names), folders)

    def kept(self, new: Mapping[str, str]) -> Mapping[str, str]:
        """As ``FormerProduct.kept``; an empty folder stays where the new product has one, too."""
        names = self.present.names - (self.folders & folders_of(new))
        return self.former.kept(replace(self.present, names=names), new)

    def carry_over(self, folder: Path, new_folder: Path, kept: Mapping[str, str]) -> None:
        """Give a new folder all that is not the former product's, under the names that it keeps.

        Raises:
            OSError: Something can be neither linked nor copied.
        """
        for name in sorted(self.present.names):
            if name in kept or name not in self.present.unchanged:
                _place(folder / name, new_folder / kept.get(name, name))


def _wrote(former: FormerProduct, path: Path, name: str) -> bool:
    try:
        return former.wrote(name, pieces(path))
    except OSError:  # a link, a folder, a file that may not be read, one that has just gone
        return False


def _state(status: os.stat_result) -> State:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _place(source: Path, target: Path) -> None:
    """A second name for a file, link or socket, or an empty folder like it; where that cannot be linked, a copy."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        if stat.S_ISDIR(source.lstat().st_mode):
            target.mkdir(exist_ok=True)
            shutil.copystat(source, target)
        else:
            os.link(source, target, follow_symlinks=False)
    except FileNotFoundError:
        return  # gone since it was seen
    except OSError as error:
        if error.errno not in NO_LINK:
            raise
        shutil.copy2(source, target, follow_symlinks=False)


@dataclass(frozen=True)
class HandOver:
    """Empties a former folder: what is still only there moves to the product's, the former product's files go.

    Its record goes last: after a kill in the middle, it alone tells which of the files that are left are a run's.

    Attributes:
        folder: The former folder.
        target: The product's.
        seen: What the former folder held when it was carried over; without names where that is not known.
        kept: The names under which things were carried over.
    """

    folder: Path
    target: Path
    seen: Belongings
    kept: Mapping[str, str] = field(default_factory=dict)

    def do(self) -> dict[str, str]:
        """Hand over; new names for what came late and could not have its own.

        What can be neither moved nor removed stays in the former folder: nothing is lost.
        """
        there = {(status.st_dev, status.st_ino) for _, status in entries(self.target)}
        moved: dict[str, str] = {}
        for name, status in sorted(entries(self.folder), key=lambda entry: entry[0] == RECORD):
            with suppress(OSError):
                if stat.S_ISDIR(status.st_mode):
                    (self.target / self.kept.get(name, name)).mkdir(parents=True, exist_ok=True)
                elif (status.st_dev, status.st_ino) in there or self._is_dispensable(name, status):
                    (self.folder / name).unlink()
                else:
                    moved |= self._moved(name)
        _remove_empty(self.folder)
        return moved

    def _is_dispensable(self, name: str, status: os.stat_result) -> bool:
        """Whether a file is as the former product had it, or what was carried over is a copy of it."""
        if name in self.seen.present.unchanged and _state(status) == self.seen.states[name]:
            return True
        if _wrote(self.seen.former, self.folder / name, name):
            return True
        return any(_same_content(self.folder / name, other) for other in self._carried_over(name))

    def _carried_over(self, name: str) -> Iterator[Path]:
        yield self.target / self.kept.get(name, name)
        folder = (self.target / name).parent
        if not self.seen.states and folder.is_dir():
            yield from (path for path in folder.iterdir() if is_kept_name(path.name, (self.target / name).name))

    def _moved(self, name: str) -> dict[str, str]:
        source = self.folder / name
        (self.target / name).parent.mkdir(parents=True, exist_ok=True)
        if self._is_saved_anew(name):
            source.replace(self.target / name)
            return {}
        for number in range(NAMES_TRIED):
            free = kept_name(name, number) if number else name
            if move_to_free_name(source, self.target / free):
                return {} if free == name else {name: free}
        return {}

    def _is_saved_anew(self, name: str) -> bool:
        """Whether the target has what was carried over under this name, and somebody has put a newer in its place."""
        if name in self.kept or name not in self.seen.states:
            return False
        with suppress(FileNotFoundError):
            status = (self.target / name).lstat()
            return (status.st_dev, status.st_ino) == self.seen.states[name][:2]
        return False


def _same_content(one: Path, other: Path) -> bool:
    try:
        if one.is_symlink() and other.is_symlink():
            return one.readlink() == other.readlink()
        return one.lstat().st_size == other.lstat().st_size and digest(pieces(one)) == digest(pieces(other))
    except OSError:
        return False


def _remove_empty(folder: Path) -> None:
    for here, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):
            Path(here).rmdir()
