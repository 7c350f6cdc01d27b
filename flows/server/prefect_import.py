"""Prefect as a command imports it: quiet, with a home, and without settings of the folder that the command runs in.

Prefect 3.8 looks for the user's home on import (prefect/settings/constants.py), and reads `.env`, `prefect.toml` and
`pyproject.toml` of the current folder whenever it reads its settings (prefect/settings/sources.py). That folder holds
frames, perhaps from a stranger: a server that such a file names would get what the run has to tell.
"""

import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tasks.core.errors import UnusableArgument
from tasks.services.bulk_imports import bulk_imports

# The terminal has its own messages; the log file and the dashboard have Prefect's.
QUIET = {
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",
    "DO_NOT_TRACK": "1",
    # By which a server knows that a run lives (deployments/automations.py).
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    # Twice these attempts end a run whose API has gone: in half a minute, with Prefect's default of 5 in three minutes.
    "PREFECT_CLIENT_MAX_RETRIES": "2",
}
PLACES = ("PREFECT_HOME", "PREFECT_PROFILES_PATH")
NEUTRAL = "/"


def import_prefect() -> None:
    """Import Prefect as a command needs it; safe to repeat.

    Raises:
        UnusableArgument: There is no home, or Prefect's settings cannot be read.
    """
    os.environ.update({name: value for name, value in QUIET.items() if name not in os.environ})
    if "prefect.context" in sys.modules:
        return
    os.environ.update(places(os.environ))
    if os.environ.get("HOME") == "":  # to Prefect it would be the root folder
        del os.environ["HOME"]
    _see_to_home()
    with read_settings(), bulk_imports():
        import prefect.context  # noqa: F401, PLC0415 - takes seconds, which a wrong argument should not wait for


def places(environment: Mapping[str, str]) -> dict[str, str]:
    """Prefect's folders that are named relative to the current one, absolute."""
    named = {name: environment[name] for name in PLACES if environment.get(name)}
    return {name: str(Path(path).absolute()) for name, path in named.items() if not path.startswith(("~", "/"))}


def _see_to_home() -> None:
    """Prefect does not import where the user has no home, as in a container, even if PREFECT_HOME is set."""
    try:
        Path.home()
    except RuntimeError as error:
        if not os.environ.get("PREFECT_HOME"):
            raise UnusableArgument(
                "HOME is not set, and this user has no home directory. Set HOME, or PREFECT_HOME, to a folder that you "
                "may write: export PREFECT_HOME=/path/to/folder"
            ) from error
        os.environ["HOME"] = os.environ["PREFECT_HOME"]


@contextmanager
def read_settings() -> Iterator[None]:
    """Let Prefect read its settings in the block, away from the current folder.

    Raises:
        UnusableArgument: They cannot be read.
    """
    try:
        with _in_neutral_folder(), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a home that cannot be made, the server says what to do
            yield
    except ValueError as error:  # pydantic's, of a value; pydantic-settings', of a file
        raise UnusableArgument(_explained(error)) from error


def _explained(error: ValueError) -> str:
    problems: list[Any] = getattr(error, "errors", list)()
    names = ", ".join(sorted({str(problem["loc"][-1]) for problem in problems if problem["loc"]}))
    reason = problems[0]["msg"] if problems else str(error)
    where = f" ({names})" if names else ""
    return (
        f"Prefect's settings cannot be read{where}: {reason}. Correct or unset the PREFECT_… variable, or the entry of "
        "the profile (prefect config view)"
    )


@contextmanager
def _in_neutral_folder() -> Iterator[None]:
    """Be in another folder for the block; the whole process is, so it is to be short."""
    here = os.open(".", os.O_PATH | os.O_DIRECTORY)
    try:
        os.chdir(NEUTRAL)
        yield
    finally:
        try:
            os.fchdir(here)
        finally:
            os.close(here)
