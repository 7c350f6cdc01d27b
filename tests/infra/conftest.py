"""The CloudFormation stack, deployed once for the tests of this folder that look at it."""

from collections.abc import Iterator
from typing import Any

import pytest
from cloud_stack import EVERYTHING, TEMPLATE, Stack, deploy

from infra.sandbox.client import Sandbox


@pytest.fixture(scope="session")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a sandbox of their own: others empty theirs before each test."""
    sandbox = Sandbox.start(tmp_path_factory.mktemp("stacks") / "log")
    yield sandbox.url
    sandbox.stop()


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    """The parsed template, its functions as ``{"Ref": …}`` and ``{"Fn::…": …}``."""
    import cfnlint.decode  # noqa: PLC0415 - a second, and only the stack's tests need it

    parsed, problems = cfnlint.decode.decode(str(TEMPLATE))
    assert not problems
    return dict(parsed)


@pytest.fixture(scope="session")
def stack(stacks: str, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """The stack with all that is optional."""
    return _deployed(stacks, tmp_path_factory, EVERYTHING)


@pytest.fixture(scope="session")
def plain(stacks: str, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """The stack with nothing that is optional."""
    return _deployed(stacks, tmp_path_factory, {})


@pytest.fixture(scope="session")
def training(stacks: str, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """The stack with all that is optional, whose SageMaker role may also train."""
    return _deployed(stacks, tmp_path_factory, {**EVERYTHING, "RoleMayTrain": "true"})


def _deployed(url: str, folders: pytest.TempPathFactory, parameters: dict[str, str]) -> Stack:
    return deploy(url, folders.mktemp("stack"), parameters)
