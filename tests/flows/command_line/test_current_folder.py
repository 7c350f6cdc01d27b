"""The folder that a command runs in holds frames, perhaps a stranger's: nothing there is imported, or read as settings.

Also: the user's home, which Prefect wants and a container may not have.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import QUIET, ROOT, Scene

from flows.server.prefect_import import places

MODULES = ("json", "random", "socket", "prefect", "numpy", "uvicorn", "sitecustomize")
PACKAGES = ("flows", "tasks", "infra", "deployments")
# A server of somebody's who wants to know what a run has to tell: nobody listens there.
SETTINGS = "http://127.0.0.1:9/api"
WITHOUT_A_USER = """
import os, sys
from flows.command_line.cli import main
os.environ.pop("HOME", None)
os.setreuid(54321, -1)  # the home is that of the real user; the effective one may read all that is imported
sys.exit(main(["plan", "/no/such/frames"]))
"""


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder whose modules leave a mark when they are imported, and whose settings name another server."""
    folder = tmp_path / "hostile"
    mark = f"open({str(tmp_path / 'imported')!r}, 'a').write(__name__ + '\\n')\n"
    for name in PACKAGES:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(mark)
    for name in MODULES:
        (folder / f"{name}.py").write_text(mark)
    (folder / ".env").write_text(f"PREFECT_API_URL={SETTINGS}\n")
    (folder / "prefect.toml").write_text(f'[api]\nurl = "{SETTINGS}"\n')
    (folder / "pyproject.toml").write_text(f'[tool.prefect.api]\nurl = "{SETTINGS}"\n')
    return folder


def started(
    folder: Path, *arguments: str | Path, python: tuple[str, ...] = ("-P",), **variables: str
) -> subprocess.CompletedProcess[str]:
    """The command as its script starts it, which has its own folder on the path and not the current one."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment |= {"PYTHONPATH": str(ROOT), "PREFECT_HOME": str(folder.parent / "home"), **QUIET, **variables}
    command = [sys.executable, *python, "-m", "flows", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_run_uses_nothing_of_the_folder_that_it_is_started_in(hostile: Path, scene: Scene, tmp_path: Path) -> None:
    """Neither the command nor its children (server, model server, decoder) import or read what lies there."""
    done = started(hostile, "run", scene.dataset, "--decode-in-child", "always")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (tmp_path / "imported").exists(), (tmp_path / "imported").read_text()


def test_a_command_reads_no_settings_of_the_current_folder(hostile: Path) -> None:
    """A server that files beside the frames name is not asked."""
    done = started(hostile, "plan", "/no/such/frames", "--aws-block", "mine")
    assert (done.returncode, "a plan starts none" in done.stderr) == (64, True), done.stderr


def test_as_a_module_the_command_imports_nothing_of_the_current_folder(hostile: Path, tmp_path: Path) -> None:
    """`python -m` puts the current folder first; what is called as a module of the standard library stays unread."""
    for name in PACKAGES:  # of this name Python itself would start the folder's
        (hostile / name / "__init__.py").unlink()
        (hostile / name).rmdir()
    done = started(hostile, "plan", "/no/such/frames", python=())
    assert done.returncode == 64, done.stderr
    assert not (tmp_path / "imported").exists()


def test_a_relative_home_is_the_current_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prefect reads its settings elsewhere; its home stays where the user means it."""
    given = {"PREFECT_HOME": "mine", "PREFECT_PROFILES_PATH": "/etc/profiles.toml"}
    monkeypatch.chdir(tmp_path)
    assert places(given) == {"PREFECT_HOME": str(tmp_path / "mine")}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user that does not exist")
@pytest.mark.parametrize(("variables", "words"), [({}, "HOME is not set"), ({"PREFECT_HOME": "/nowhere"}, "Check the")])
def test_a_user_without_a_home_gets_along_or_a_sentence(variables: dict[str, str], words: str, tmp_path: Path) -> None:
    """A numeric user of a container has no home directory: PREFECT_HOME is enough, and else the message asks for it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "HOME"))}
    command = [sys.executable, "-c", WITHOUT_A_USER]
    environment |= {"PYTHONPATH": str(ROOT), **variables}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, "fault of the program" in done.stderr) == (64, False), done.stderr
    assert words in done.stderr


def test_settings_of_prefect_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    """A wrong variable ends in a sentence with its name, not in a traceback."""
    (tmp_path / "here").mkdir()
    done = started(tmp_path / "here", "plan", "/no/such/frames", PREFECT_API_REQUEST_TIMEOUT="soon")
    assert done.returncode == 64, done.stderr
    assert "Prefect's settings cannot be read (request_timeout)" in done.stderr
