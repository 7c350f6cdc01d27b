"""The database that ``serve`` is told to use."""

import pytest

from flows.server.server_environment import database_settings
from tasks.core.errors import UnusableArgument


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_postgresql_is_asked_by_prefects_driver(scheme: str) -> None:
    """However its address is spelt; the server reads either of two variables, and each has it."""
    made = database_settings(f"{scheme}://me:p%40ss@host:5433/prefect")
    assert set(made.values()) == {"postgresql+asyncpg://me:p%40ss@host:5433/prefect"}
    assert made.keys() == {"PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_API_DATABASE_CONNECTION_URL"}


@pytest.mark.parametrize("url", ["", "host:5432", "mysql://host/prefect", "postgresql://me:secret@host", "sqlite:///x"])
def test_another_address_is_refused_without_its_password(url: str) -> None:
    """What serve would otherwise say after minutes is said at once."""
    with pytest.raises(UnusableArgument, match="give it as postgresql://HOST:PORT/DATABASE") as refused:
        database_settings(url)
    assert "secret" not in str(refused.value)
