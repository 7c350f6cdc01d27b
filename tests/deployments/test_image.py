"""deployments/Dockerfile and .dockerignore: what gets into the image, as far as it can be told without building it."""

import json
import re
from fnmatch import fnmatchcase

import pytest
import yaml
from command_line import ROOT

DOCKERFILE = (ROOT / "deployments" / "Dockerfile").read_text()
IGNORED = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
# Of each instruction: its lines joined, comments left out.
INSTRUCTIONS = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE)).splitlines()
COPIED = [line.split()[1:-1] for line in INSTRUCTIONS if line.startswith("COPY ") and "--from" not in line]
SOURCES = [source for sources in COPIED for source in sources]


def sent(path: str) -> bool:
    """Whether docker sends the file to the build: the last pattern that fits decides."""
    folders = [path, *(path[:at] for at, one in enumerate(path) if one == "/")]
    fits = [
        line for line in IGNORED if any(fnmatchcase(part, line.lstrip("!").removeprefix("**/")) for part in folders)
    ]
    inner = [line for line in IGNORED if line.startswith("**/") and fnmatchcase(path.rpartition("/")[2], line[3:])]
    return bool(fits) and fits[-1].startswith("!") and not inner


def test_what_is_copied_is_there_and_is_sent() -> None:
    """A file that .dockerignore holds back ends the build."""
    assert all((ROOT / source).exists() for source in SOURCES)
    files = [source if not source.endswith("/") else f"{source}__init__.py" for source in SOURCES]
    assert [file for file in files if not sent(file)] == []


@pytest.mark.parametrize(
    "path",
    ["deployments/.env", ".env", ".git/config", ".venv/bin/python", "out/a/run.json", "tests/conftest.py", "a.jp2"],
)
def test_secrets_and_products_are_not_sent(path: str) -> None:
    """Whatever lies in the checkout beside the code, the image cannot hold it."""
    assert not sent(path)


def test_bytecode_is_the_image_s_own() -> None:
    """That of the checkout was made by another Python."""
    assert not sent("flows/cli.cpython-311.pyc")
    assert "compileall" in DOCKERFILE


def test_all_that_is_installed_is_held_against_its_hash() -> None:
    """What others wrote comes from the lock, by hash; our own code is built by what the lock has brought."""
    (locked, ours) = (
        found[1] for line in INSTRUCTIONS for found in re.finditer(r"pip install ([^&]+?) *(?:&&|$)", line)
    )
    assert locked == "--require-hashes --no-deps --requirement /tmp/locked.txt"
    assert ours == "--no-build-isolation --no-deps --editable ."
    (extras,) = re.findall(r"-m deployments\.locked ([\w ]+?) > /tmp/locked\.txt", DOCKERFILE)
    assert set(extras.split()) == {"aws", "dask", "onnx", "team"}


def test_it_does_not_run_as_root() -> None:
    """A container of the flow reads files from outside; the code belongs to root, so it cannot change itself."""
    (user,) = (line.split()[1] for line in INSTRUCTIONS if line.startswith("USER "))
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    assert "chown" not in DOCKERFILE


def test_both_stages_have_the_same_pinned_python() -> None:
    """The environment of the one is used in the other; the same file makes the same image next year."""
    (base,) = {line.split()[1] for line in INSTRUCTIONS if line.startswith("FROM ")}
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+@sha256:[0-9a-f]{64}", base)


def test_runs_on_ecs_look_where_the_code_is() -> None:
    """The pull steps of the deployments there and the working directory are one place."""
    registry = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    steps = [step for one in registry["deployments"] if one["name"] == "aws" for step in one["pull"]]
    places = {line.split()[1] for line in INSTRUCTIONS if line.startswith("WORKDIR ")}
    assert places == {step["prefect.deployments.steps.set_working_directory"]["directory"] for step in steps}


def test_what_runs_writes_only_where_it_may() -> None:
    """Prefect would copy the server's pages into its own package, which is root's."""
    variables = dict(re.findall(r"(PREFECT_\w+)=(\S+)", " ".join(INSTRUCTIONS)))
    writable = ("/home/flood/", "/data")
    assert variables["PREFECT_HOME"].startswith(writable)
    assert variables["PREFECT_SERVER_UI_STATIC_DIRECTORY"].startswith(writable)
    assert json.loads(INSTRUCTIONS[-1].removeprefix("CMD "))[0] == "flood-extent"
