"""Which settings of the user's, and which database, reach a Prefect server that is started here.

A shell on an office's machine may have the settings of the team's server in it: a password, a broker that is not there
from here, a base path, a database that somebody else brings up to date. A server of ours takes of Prefect's settings
what is listed here and nothing else, from environment or profile; of the current folder nothing is read.
"""

import os
from collections.abc import Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

from prefect.settings import get_current_settings
from prefect.settings.base import PrefectBaseSettings

from tasks.core.errors import UnusableArgument

if TYPE_CHECKING:
    from sqlalchemy.engine import URL as Address  # noqa: N811 - URL is a variable's name here

# No setting, but by which the secrets in the database are read.
ALWAYS_KEPT = frozenset({"PREFECT_SERVER_ENCRYPTION_KEY"})
# How long events are kept: who has set that loses none sooner, whichever server looks after the database.
EVENTS_KEPT = frozenset({"PREFECT_SERVER_EVENTS_RETENTION_PERIOD", "PREFECT_EVENTS_RETENTION_PERIOD"})
URL = "PREFECT_SERVER_DATABASE_CONNECTION_URL"
URL_ALIASES = (URL, "PREFECT_API_DATABASE_CONNECTION_URL")
MIGRATE_ALIASES = ("PREFECT_SERVER_DATABASE_MIGRATE_ON_START", "PREFECT_API_DATABASE_MIGRATE_ON_START")


def prefect_settings(kept: Sequence[str], defaults: Mapping[str, str]) -> dict[str, str | None]:
    """What a server's environment has of Prefect's settings; None: what this process's has is taken out.

    Args:
        kept: Groups of ``PREFECT_SERVER_*`` settings that are as the user has set them, where they have, by their names
            below ``server`` (``services.db_vacuum``).
        defaults: The others, by their variables.
    """
    settings = get_current_settings()
    variables: dict[str, str | None] = {
        name: None for name in os.environ if name.startswith("PREFECT_") and name not in ALWAYS_KEPT
    }
    variables |= defaults
    for group in kept:
        variables |= _set_by_user(attrgetter(group)(settings.server))
    variables |= {name: value for name, value in _set_by_user(settings.server.events).items() if name in EVENTS_KEPT}
    variables["PREFECT_HOME"] = str(settings.home.expanduser().absolute())
    variables["PREFECT_PROFILES_PATH"] = os.devnull
    url = settings.server.database.connection_url
    return variables | _local_database("" if url is None else url.get_secret_value(), variables)


def _set_by_user(group: PrefectBaseSettings) -> dict[str, str]:
    return group.to_environment_variables(exclude_unset=True, include_aliases=True)


def _local_database(url: str, variables: Mapping[str, str | None]) -> dict[str, str | None]:
    """Of an SQLite database: its path, which may be relative to this folder; and nobody else makes its tables."""
    made: dict[str, str | None] = dict.fromkeys(MIGRATE_ALIASES, "true")
    if URL not in variables and url.startswith("sqlite"):  # Prefect's own, in its home
        return made
    parsed = _parsed(url)
    if parsed is None or parsed.get_backend_name() != "sqlite":  # what is no address, the server will say
        return {}
    path = parsed.database or ""
    if path and not path.startswith((":", "file:", "/")):
        absolute = parsed.set(database=str(Path(path).absolute())).render_as_string(hide_password=False)
        made |= dict.fromkeys(URL_ALIASES, absolute)
    return made


def _parsed(url: str) -> "Address | None":
    """The parts of a database's address; None where it is none."""
    from sqlalchemy.engine import make_url  # noqa: PLC0415 - a sixth of a second, which most runs do without
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    try:
        return make_url(url)
    except ArgumentError:
        return None


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
    parsed = _parsed(url)
    if parsed is None or parsed.drivername not in POSTGRESQL or not parsed.database:
        raise UnusableArgument("--database: give it as postgresql://HOST:PORT/DATABASE, with USER@ in front of HOST")
    return dict.fromkeys(URL_ALIASES, parsed.set(drivername=DRIVER).render_as_string(hide_password=False))
