"""A Prefect server for the tests of this folder."""

from collections.abc import Iterator

import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_LOGGING_TO_API_ENABLED, temporary_settings


@pytest.fixture
def prefect_api(prefect_server: str) -> Iterator[str]:
    """The server's API, as the one that this process uses."""
    with temporary_settings({PREFECT_API_URL: prefect_server, PREFECT_LOGGING_TO_API_ENABLED: False}):
        yield prefect_server
