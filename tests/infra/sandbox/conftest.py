"""The sandbox as its own tests use it."""

import pytest

from infra.sandbox.client import Sandbox


@pytest.fixture
def aws(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The sandbox, empty, with endpoints that change state at once; the environment points at it."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    sandbox.settings(creating_seconds=0, deleting_seconds=0)
    return sandbox
