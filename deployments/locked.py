"""The part of ``requirements.lock`` that some extras need: ``python -m deployments.locked [EXTRA …] > FILE``.

pip holds what it installs against the lock's hashes only where every requirement has one, so neither the project itself
nor the lock as constraints can be given to it. It is given this part with ``--require-hashes``; after that the project,
with ``--no-deps``. The Makefile and the Dockerfile do both.

The lock says of each package which others brought it in. Only the standard library: nothing is installed yet.
"""

import argparse
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK, PROJECT = ROOT / "requirements.lock", ROOT / "pyproject.toml"
# What an editable install is built with, beside what was asked for.
BUILD = "build"
REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(?:\[(?P<extras>[\w, -]+)\])?")
ENTRY = re.compile(r"^(?P<name>[\w.-]+)==.*?(?=^[\w.-]+==|\Z)", re.MULTILINE | re.DOTALL)
# Behind "# via", or each on a line of its own below it.
VIA = re.compile(r"^    #(?: via)? +(?P<name>[\w.-]+)", re.MULTILINE)


@dataclass(frozen=True)
class Entry:
    """A version of a package in the lock; there may be several, for different versions of Python.

    Attributes:
        name: Of the package, normalised.
        text: As it stands there, with its hashes.
        via: Names of what needs it.
    """

    name: str
    text: str
    via: frozenset[str]


def normalised(name: str) -> str:
    """A package's name as packages are compared by (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def entries(lock: str) -> list[Entry]:
    """All of the lock, in its order."""
    return [
        Entry(normalised(one["name"]), one[0], frozenset(normalised(via["name"]) for via in VIA.finditer(one[0])))
        for one in ENTRY.finditer(lock)
    ]


@dataclass(frozen=True)
class Project:
    """What ``pyproject.toml`` asks for.

    Attributes:
        name: Of the project, by which its extras ask for one another.
        dependencies: Always.
        extras: By name of the extra.
    """

    name: str
    dependencies: Sequence[str]
    extras: dict[str, Sequence[str]]

    @classmethod
    def read(cls, path: Path = PROJECT) -> "Project":
        """The file's."""
        table = tomllib.loads(path.read_text())["project"]
        return cls(table["name"], table["dependencies"], table["optional-dependencies"])

    def asked(self, extras: Iterable[str]) -> set[str]:
        """Names of what the project and these extras ask for themselves.

        Raises:
            KeyError: There is no such extra.
        """
        lists = [self.dependencies, *(self.extras[extra] for extra in extras)]
        return {name for requirements in lists for one in requirements for name in self._names(one)}

    def _names(self, requirement: str) -> Iterator[str]:
        found = REQUIREMENT.match(requirement)
        if found is None:
            raise ValueError(f"pyproject.toml: {requirement!r} names no package")
        if found["name"] != self.name:
            yield normalised(found["name"])
        else:
            for extra in re.split(r", *", found["extras"]):
                yield from (name for one in self.extras[extra] for name in self._names(one))


def part(lock: Sequence[Entry], wanted: set[str]) -> list[Entry]:
    """What is wanted, with all that it needs."""
    needed: set[str] = set()
    new = wanted
    while new:
        needed |= new
        new = {entry.name for entry in lock if entry.via & new} - needed
    return [entry for entry in lock if entry.name in needed]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print it, as a command."""
    project = Project.read()
    parser = argparse.ArgumentParser(description="Print the part of requirements.lock that some extras need.")
    parser.add_argument("extras", nargs="*", metavar="EXTRA", help=f"of {', '.join(project.extras)}")
    extras = parser.parse_args(arguments).extras
    if unknown := set(extras) - project.extras.keys():
        parser.error(f"pyproject.toml has no extra {', '.join(sorted(unknown))}")
    wanted = project.asked([*extras, BUILD])
    sys.stdout.writelines(entry.text for entry in part(entries(LOCK.read_text()), wanted))


if __name__ == "__main__":
    main()
