"""The sandbox as its own tests use it."""

import pytest

from infra.sandbox.client import Sandbox


@pytest.fixture
def aws(sandbox: Sandbox, aws_settings: pytest.MonkeyPatch) -> Sandbox:
    """The sandbox, empty, with endpoints that change state at once; the environment points at it."""
    for name, value in sandbox.environment.items():
        aws_settings.setenv(name, value)
    sandbox.settings(creating_seconds=0, deleting_seconds=0)
    return sandbox
