"""The part of the lock that some extras need, held against what is installed."""

import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires

import pytest
from packaging.requirements import Requirement

from deployments.locked import LOCK, Project, entries, main, normalised, part

ALL = entries(LOCK.read_text())
PROJECT = Project.read()


def needed(requirement: Requirement, seen: set[tuple[str, str]]) -> Iterator[str]:
    """Names that an installed package needs on this machine, by its own metadata."""
    for extra in {"", *requirement.extras}:
        key = (normalised(requirement.name), extra)
        if key in seen:
            continue
        seen.add(key)
        yield key[0]
        try:
            of_it = [Requirement(one) for one in requires(requirement.name) or ()]
        except PackageNotFoundError:  # nothing of ours needs it here
            continue
        for one in of_it:
            if one.marker is None or one.marker.evaluate({"extra": extra}):
                yield from needed(one, seen)


@pytest.mark.parametrize("extras", [[], ["aws"], ["onnx"], ["aws", "onnx", "team"], ["sandbox"], ["dev"]])
def test_a_part_has_all_that_its_extras_need(extras: list[str]) -> None:
    """Pip resolves nothing: what is missing would be missing at run time."""
    seen: set[tuple[str, str]] = set()
    asked = [Requirement(one) for extra in extras for one in PROJECT.extras[extra]]
    names = {name for one in [*map(Requirement, PROJECT.dependencies), *asked] for name in needed(one, seen)} - {
        PROJECT.name
    }
    assert names <= {entry.name for entry in part(ALL, PROJECT.asked(extras))}


def test_a_part_has_only_what_its_extras_need() -> None:
    """Who maps a folder of frames installs neither AWS's libraries nor the tests' tools."""
    core = {entry.name for entry in part(ALL, PROJECT.asked([]))}
    assert not core & {"boto3", "moto", "onnxruntime", "pytest", "mypy", "prefect-redis"}


def test_every_version_has_its_hashes_and_no_address() -> None:
    """Pip refuses a line without a hash; whose mirror was asked is nobody's business."""
    assert len(ALL) == len(re.findall(r"^[\w.-]+==", LOCK.read_text(), re.MULTILINE))
    assert [entry.name for entry in ALL if "--hash=sha256:" not in entry.text] == []
    assert not re.search(r"https?://|file:|index-url|find-links", LOCK.read_text())


def test_an_unknown_extra_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """A slip would otherwise install too little."""
    with pytest.raises(SystemExit):
        main(["amazon"])
    assert "no extra amazon" in capsys.readouterr().err
