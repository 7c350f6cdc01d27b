"""What tests of the dashboard share."""

from collections.abc import Iterator
from typing import Any

import pytest
from browser import log_in, new_page
from command_line import QUIET, CommandLine
from dashboard import Dashboard, served

from infra.sandbox.client import Sandbox


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory, sandbox_process: Sandbox) -> Iterator[Dashboard]:
    """A serve whose runs reach the sandbox."""
    folder = tmp_path_factory.mktemp("served")
    command = CommandLine(folder, {"PREFECT_HOME": str(folder / "home"), **QUIET})
    with served(command, **sandbox_process.environment) as running:
        yield running


@pytest.fixture
def page(dashboard: Dashboard) -> Iterator[Any]:
    """A page in a new browser; the serve that it shows outlives it."""
    with new_page() as page:
        log_in(page, dashboard.log_in_link())
        yield page
    assert dashboard.process.poll() is None
