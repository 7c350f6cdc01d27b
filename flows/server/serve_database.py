"""Another database for ``serve`` than Prefect's SQLite file, which makes its pages wait under many tiles and people."""

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from flows.server.server_environment import URL_ALIASES
from tasks.core.errors import UnusableArgument

# The one driver for PostgreSQL that Prefect has.
DRIVER = "postgresql+asyncpg"
POSTGRESQL = frozenset({"postgres", "postgresql", DRIVER})


def database_settings(url: str | None) -> dict[str, str]:
    """What tells a Prefect server to use this database; nothing where none is given.

    Args:
        url: ``postgresql://USER@HOST:PORT/DATABASE``. Without a password in it, asyncpg takes ``PGPASSWORD`` or
            ``~/.pgpass``, which other users of the machine do not see.

    Raises:
        UnusableArgument: It is no address of a PostgreSQL database.
    """
    if url is None:
        return {}
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.drivername not in POSTGRESQL or not parsed.database:
        raise UnusableArgument("--database: give it as postgresql://HOST:PORT/DATABASE, with USER@ in front of HOST")
    return dict.fromkeys(URL_ALIASES, parsed.set(drivername=DRIVER).render_as_string(hide_password=False))
