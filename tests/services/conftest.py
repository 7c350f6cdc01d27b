"""The local AWS, for the tests of this folder."""

from functools import cache
from typing import Any

import pytest
from cloud import TRAINING_JOB, Cloud

from infra.sandbox.client import Sandbox
from tasks.services.endpoints.teardown import new_resources
from tasks.services.endpoints.teardown.teardown import make_client


@pytest.fixture
def cloud(sandbox: Sandbox, aws_settings: pytest.MonkeyPatch) -> Cloud:
    """The local AWS, emptied, which the environment points at, with a finished training job; nothing of ours in it."""
    new_resources.forget()
    for name, value in sandbox.environment.items():
        aws_settings.setenv(name, value)
    sandbox.settings(tags_by_role=True)
    sandbox.add_training_job(TRAINING_JOB)
    return Cloud(sandbox, client_at(sandbox.url))


@cache
def client_at(_: str) -> Any:
    """A client for the AWS that the environment points at; kept, for making one takes a fifth of a second."""
    return make_client()
