"""SHA256SUMS, against coreutils' own sha256sum."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.reports.sums import sums

NAMES = [
    b"plain.txt",
    b"with space.txt",
    b"tiles/a.shp",
    b"back\\slash",
    b"new\nline",
    b"re\rturn",
    "Ü 洪水".encode(),
    b"caf\xe9",
]


def _hashed(folder: Path) -> dict[str, str]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no sha256sum: coreutils")
def test_sha256sum_checks_the_files(tmp_path: Path) -> None:
    """Whatever a file is called, the check finds it, and finds what has changed."""
    for name in NAMES:
        path = tmp_path / os.fsdecode(name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(name)
    sheet = tmp_path.with_name("SHA256SUMS")
    sheet.write_bytes(sums(_hashed(tmp_path)))
    check = ["sha256sum", "--check", "--strict", str(sheet)]
    assert subprocess.run(check, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    (tmp_path / "plain.txt").write_bytes(b"edited")
    answer = subprocess.run(check, cwd=tmp_path, capture_output=True, check=False)
    assert (answer.returncode, answer.stdout.count(b": FAILED")) == (1, 1)


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no sha256sum: coreutils")
def test_the_lines_are_those_of_sha256sum(tmp_path: Path) -> None:
    """The same bytes as coreutils would write of the same files, in the order of names."""
    names = [name for name in NAMES if b"/" not in name]
    for name in names:
        (tmp_path / os.fsdecode(name)).write_bytes(name)
    written = subprocess.run(["sha256sum", "--", *sorted(names)], cwd=tmp_path, capture_output=True, check=True).stdout
    assert sums(_hashed(tmp_path)) == written


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.just("0" * 64)))
def test_a_line_a_file(files: dict[str, str]) -> None:
    """No name makes a line of its own, and the order of the files does not count."""
    lines = sums(files).split(b"\n")
    assert len(lines) == len(files) + 1
    assert sums(dict(reversed(files.items()))) == sums(files)
