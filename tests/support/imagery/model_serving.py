"""A model server in a thread of the test."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from infra.model_server.app import Limits, create_app
from infra.model_server.connections import server_config
from tasks.core.models.known_models import Model, Predict

LIMITS = Limits(max_bytes=100_000, max_pixels=200 * 200, body_seconds=0.5, concurrency=2)


@contextmanager
def serving(predict: Predict, limits: Limits = LIMITS, **settings: Any) -> Iterator[str]:
    """A server with its own settings, but for some of uvicorn's; its address."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    server = uvicorn.Server(server_config(create_app(Model(predict), limits), log_level="critical", **settings))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
