"""The CloudFormation stack, deployed once for the tests of this folder that look at it."""

import warnings

import pytest
from cloud_stack import EVERYTHING, Stack, deploy


@pytest.fixture(scope="session")
def stack(s3_server: str, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """The stack with all that is optional."""
    return _deployed(s3_server, tmp_path_factory, EVERYTHING)


@pytest.fixture(scope="session")
def plain(s3_server: str, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """The stack with nothing that is optional."""
    return _deployed(s3_server, tmp_path_factory, {})


def _deployed(url: str, folders: pytest.TempPathFactory, parameters: dict[str, str]) -> Stack:
    with warnings.catch_warnings():
        # What moto does not simulate is asserted on the template instead.
        warnings.filterwarnings("ignore", "Tried to parse", UserWarning)
        return deploy(url, folders.mktemp("stack"), parameters)
