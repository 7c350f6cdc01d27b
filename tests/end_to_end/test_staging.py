"""Where a product is put together: on this machine, whatever share output and work directory are on."""

import errno
import os
import shutil
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from command_line import CommandLine
from prefect.logging import disable_run_logger

from flows.parameters import RunParameters
from flows.run.run import Run
from flows.run.tile_work import TileWork
from tasks.core.errors import StorageFull
from tasks.endpoint import EndpointLife


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run whose directories are on a share, beside this machine's place for temporary files."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    share = tmp_path / "share"
    parameters = RunParameters(dataset="x", output_directory=f"{share}/out", work_directory=f"{share}/work")
    life = EndpointLife(parameters.endpoint_spec(), "e")
    return Run(parameters, uuid4(), life, datetime.now(UTC), "", TileWork(parameters))


def test_a_product_is_put_together_on_this_machine(run: Run, tmp_path: Path) -> None:
    """SQLite never works on the share."""
    with disable_run_logger(), run.staging() as folder:
        assert folder.parent == tmp_path / "tmp"
    assert not (tmp_path / "share").exists()


def test_a_full_disk_there_is_named_with_the_way_out(run: Run, tmp_path: Path) -> None:
    """Nobody has chosen that folder: the error says how to choose another, and what there is stays to be looked at."""
    with pytest.raises(StorageFull, match=r"flood-extent-product-.*TMPDIR"), disable_run_logger():
        _fill_the_disk(run)
    assert [path.read_text() for path in tmp_path.glob("tmp/flood-extent-failed-product-*/report.md")] == ["half"]


def _fill_the_disk(run: Run) -> None:
    with run.staging() as folder:
        (folder / "report.md").write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc, for a library that refuses locks")
@pytest.mark.parametrize("locks", [{"NOLOCK_FLOCK": "1"}, {"NOLOCK_FCNTL": "13"}, {"NOLOCK_FCNTL": "37"}])
def test_a_share_without_locks_gets_the_product(
    command: CommandLine, shared_data: Path, tmp_path: Path, locks: dict[str, str]
) -> None:
    """Whole-file locks refused, or byte-range locks: the run ends well, and its product can be scored there."""
    found, share, library = shared_data / "found", tmp_path / "share", tmp_path / "nolocks.so"
    if not (found / "no-locks-share").is_dir():
        pytest.skip("the cases that people had (../shared/data/found) are not on this machine")
    source = found / "no-locks-share" / "nolocks.c"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True)
    shell = {"LD_PRELOAD": str(library), "NOLOCK_DIR": str(share), **locks}
    places = ("--output", share / "out", "--work-directory", share / "work", "--log-storage-directory", share / "logs")
    status, printed = command("run", found / "good", *places, **shell)
    assert status == 0, printed
    assert ("has no locks" in printed) == ("NOLOCK_FLOCK" in locks)
    product = share / "out" / "good" / "flood_extent.gpkg"
    assert "IoU 1.0000" in command("score", product, product, **shell)[1]
