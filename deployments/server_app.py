"""The Prefect server that ``serve`` and single runs start: uvicorn's application factory.

Everything that it has to know comes in the environment; flows/server/server_environment.py makes that.
"""

import asyncio
import fcntl
import os
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.guard import Guard
from deployments.log_in import application
from deployments.server_access import ADDRESS_VARIABLE, AUTH_VARIABLE, KEY_VARIABLE, Access
from tasks.services.bulk_imports import bulk_imports

OTHERS = 0o007
POLL_SECONDS = 0.05


def create_app() -> ASGIApp:
    """Prefect's server behind its guard."""
    # The database holds the blocks' secrets together with their key.
    os.umask(0o077)
    # Prefect reads .env, prefect.toml and pyproject.toml of the folder that it is started in, whoever wrote them.
    os.chdir("/")
    with bulk_imports():
        from prefect.server.api.server import create_app as create_prefect_app  # noqa: PLC0415 - reads settings, is slow
        from prefect.settings import get_current_settings  # noqa: PLC0415

        prefect = create_prefect_app()

    address = os.environ[ADDRESS_VARIABLE]
    access = Access(os.environ[AUTH_VARIABLE], os.environ.pop(KEY_VARIABLE))
    home = get_current_settings().home
    # One that is there may be of a time when everybody might read it.
    for name in ("prefect.db", "prefect.db-wal", "prefect.db-shm"):
        with suppress(OSError):  # it is not there yet, or not ours
            (home / name).chmod((home / name).stat().st_mode & ~OTHERS)
    alone = StartAlone(prefect, home / "flood-extent-start.lock")
    return Guard(alone, application(access, address), address, access.auth_string)


class StartAlone:
    """An ASGI application that starts while no other of ours does with the same Prefect home.

    Two servers that bring a new database up to date at once fail: each makes the tables that the other has just made.
    """

    def __init__(self, app: ASGIApp, lock: Path) -> None:
        self._app, self._lock = app, lock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; of the lifespan, the start alone."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        with ExitStack() as stack:
            with suppress(OSError):  # no file can be made there, or it knows no locks: then there is no better way
                await _lock(stack.enter_context(self._lock.open("a")))

            async def started(message: Message) -> None:
                if message["type"].startswith("lifespan.startup"):
                    stack.close()
                await send(message)

            await self._app(scope, receive, started)


async def _lock(file: IO[str]) -> None:
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            await asyncio.sleep(POLL_SECONDS)
        else:
            return
