"""What a product's folder holds besides the product, and under which names a new product leaves it there.

Files that no run has listed stay where they are. A listed file that somebody has changed, and a file in the way of a
new one, is kept beside as ``<name>.edited``. The parts of a shapefile stay together, as ``<stem>.edited.shp`` and so
on, or no program could open it; so do a GeoPackage and the journal of whoever has it open, and the files of a File
Geodatabase.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import PurePosixPath

EDITED = ".edited"
GEODATABASE = ".gdb"
SHAPEFILE_PARTS = frozenset({".shp", ".shx", ".dbf", ".prj", ".cpg"})
# Made by GIS programs for one content of a shapefile: beside another one they find the wrong features.
INDEXES = frozenset({".qix", ".sbn", ".sbx", ".idm", ".ind", ".ain", ".aih", ".fbn", ".fbx"})
# SQLite applies what it finds in them to the database beside, whichever that is by then.
JOURNALS = ("-wal", "-shm", "-journal")


@dataclass(frozen=True)
class Present:
    """What lies in a product's folder before a new product goes there.

    Attributes:
        names: Relative paths of all files, links and the like; of folders only those that are empty.
        unchanged: Those of them that a run has written and nobody has changed.
        listed: What the former product's record claims.
    """

    names: frozenset[str]
    unchanged: frozenset[str]
    listed: frozenset[str]


def kept_names(present: Present, new: Collection[str], replaced: Collection[str]) -> Mapping[str, str]:
    """New names for what cannot stay under its own.

    Args:
        present: What is there.
        new: Relative paths of the new product.
        replaced: Those of them that differ from what is there.
    """
    everything = {*present.names, *new}
    taken = {name.casefold() for name in everything | folders_of(everything)}
    kept: dict[str, str] = {}
    for members in _sets(present, frozenset(new), frozenset(replaced)):
        for number in count(1):
            renamed = {name: _renamed(name, members[name], number) for name in members}
            if not any(to.casefold() in taken for to in renamed.values()):
                break
        taken |= {to.casefold() for to in renamed.values()}
        kept |= renamed
    return kept


def kept_name(name: str, number: int = 1) -> str:
    """The name under which a file is kept; the second, third of that name carry a number."""
    return _renamed(name, _group(name, frozenset())[1], number)


def whole_of(name: str) -> str:
    """What the file is a part of: the same for all files that are kept together."""
    return "/".join(_group(name, frozenset()))


def is_kept_name(name: str, of: str) -> bool:
    """Whether a file may be what was kept of another."""
    plain, _, number = name.rpartition(EDITED)
    if plain == of and re.fullmatch(r"(-\d+)?", number):
        return True
    suffix = PurePosixPath(of).suffix
    stem, end = of.removesuffix(suffix), name.removesuffix(suffix)
    return suffix.lower() in SHAPEFILE_PARTS | INDEXES and end != name and is_kept_name(end, stem)


def _renamed(name: str, base: str, number: int) -> str:
    return f"{base}{EDITED}{'' if number == 1 else f'-{number}'}{name[len(base) :]}"


def _sets(present: Present, new: frozenset[str], replaced: frozenset[str]) -> Iterator[dict[str, str]]:
    """What is renamed together: the part of each name behind which ``.edited`` goes, by name."""
    groups: dict[tuple[str, str], dict[str, str]] = {}
    for name in sorted(present.names):
        kind, base = _group(name, new)
        groups.setdefault((kind, base.casefold()), {})[name] = base
    claimed, folders = present.listed | new, folders_of(new)
    for (kind, _), members in groups.items():
        changed = members.keys() - present.unchanged
        stale = {name: members[name] for name in changed if PurePosixPath(name).suffix.lower() in INDEXES}
        opened = kind == "database" and any(name.endswith(JOURNALS) for name in members)
        if kind == "in the way" or changed & (claimed | folders) or (opened and members.keys() & claimed):
            yield members
        elif stale and replaced & members.keys():
            yield stale


def _group(name: str, new: frozenset[str]) -> tuple[str, str]:
    """What kind of thing the file is a part of, and the name of that."""
    if above := [str(folder) for folder in PurePosixPath(name).parents if str(folder) in new]:
        return "in the way", above[-1]
    if within := [str(folder) for folder in PurePosixPath(name).parents if folder.suffix == GEODATABASE]:
        return "geodatabase", within[-1].removesuffix(GEODATABASE)
    database = next((name.removesuffix(end) for end in JOURNALS if name.endswith(f".gpkg{end}")), name)
    if database.endswith(".gpkg"):
        return "database", database
    suffix = PurePosixPath(name).suffix
    if suffix.lower() in SHAPEFILE_PARTS | INDEXES:
        return "shapefile", name.removesuffix(suffix)
    return "file", name


def folders_of(names: Collection[str]) -> frozenset[str]:
    """The folders, at any depth, in which these files lie."""
    return frozenset(str(folder) for name in names for folder in PurePosixPath(name).parents)
