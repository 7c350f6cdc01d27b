"""The sweeper's zip: what it holds, and that it can be told apart by its bytes."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from infra.aws import package_sweeper


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the sweeper's files."""
    for name in package_sweeper.FILES:
        path = tmp_path / "checkout" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((package_sweeper.ROOT / name).read_bytes())
    return tmp_path / "checkout"


def test_the_same_code_gives_the_same_bytes(tmp_path: Path, checkout: Path) -> None:
    """Times and rights of a checkout are not code; a changed line is."""
    first = package_sweeper.package(tmp_path / "one.zip")
    for name in package_sweeper.FILES:
        os.utime(checkout / name, (0, 0))
        (checkout / name).chmod(0o600)
    second = package_sweeper.package(tmp_path / "two.zip", checkout)
    (checkout / package_sweeper.FILES[0]).write_text('"""Other."""\n')
    assert first == second
    assert package_sweeper.package(tmp_path / "three.zip", checkout) != first


def test_the_zip_can_be_read_by_lambda(tmp_path: Path) -> None:
    """Exactly the files of the sweeper, readable for the user that Lambda runs them as."""
    package_sweeper.package(tmp_path / "dist" / "sweeper.zip")
    with zipfile.ZipFile(tmp_path / "dist" / "sweeper.zip") as archive:
        assert archive.namelist() == sorted(package_sweeper.FILES)
        assert {entry.external_attr >> 16 & 0o777 for entry in archive.infolist()} == {0o644}


def test_a_missing_file_is_an_error_and_no_zip(tmp_path: Path, checkout: Path) -> None:
    """A zip without its handler would fail only when it is needed."""
    (checkout / "infra/aws/sweeper.py").unlink()
    with pytest.raises(FileNotFoundError, match=r"sweeper\.py"):
        package_sweeper.package(tmp_path / "sweeper.zip", checkout)
    assert not (tmp_path / "sweeper.zip").exists()


def test_the_handler_needs_the_zip_and_boto3_alone(tmp_path: Path) -> None:
    """Started from the zip, it imports nothing that Lambda's runtime lacks."""
    package_sweeper.package(tmp_path / "sweeper.zip")
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'sweeper.zip')!r}); import boto3\n"
        "before = set(sys.modules)\n"
        "from infra.aws.sweeper import handler; from tasks.services.endpoints.teardown import sweeping\n"
        "print(sweeping.__file__, *{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    command = [sys.executable, "-I", "-c", program]
    place, *loaded = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert Path(place).is_relative_to(tmp_path / "sweeper.zip")
    assert set(loaded) - set(sys.stdlib_module_names) <= {"infra", "tasks", "boto3", "botocore"}


@pytest.mark.parametrize("arguments", [[], ["one.zip", "two.zip"]])
def test_unusable_arguments_are_said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Without one target nothing is written."""
    assert package_sweeper.main(arguments) == 64
    assert "usage" in capsys.readouterr().err


def test_the_digest_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It names the version of the code in the bucket."""
    target = tmp_path / "sweeper.zip"
    assert package_sweeper.main([str(target)]) == 0
    assert capsys.readouterr().out == f"{package_sweeper.package(target)}  {target}\n"
