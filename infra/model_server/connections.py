"""HTTP connections that cannot keep others out: a request's head must arrive in time, and idle ones make room.

On uvicorn's HTTP/1.1 protocol, given to it as ``Config(http=...)``; tried on uvicorn 0.54 with h11 0.16. uvicorn itself
counts silent connections as requests, and waits for their heads for ever.
"""

import asyncio
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

# From so many connections on, a new one takes the place of one that waits for its client.
MAX_CONNECTIONS = 256
# More requests at once than this are answered 503 rather than queued without end. Those of connections that have just
# lost their place are still among them for a moment.
MAX_REQUESTS = 2 * MAX_CONNECTIONS
HEAD_SECONDS = 10.0
# A load balancer or a client's pool may hold a connection for the next request.
KEEP_ALIVE_SECONDS = 75
STOP_SECONDS = 5


class BoundedProtocol(H11Protocol):
    """A connection that is closed where a head does not arrive in time, or where others need its place.

    A request whose head is whole is not ended for its time: the application limits that of its body.

    Attributes:
        head_seconds: In which a head must have arrived.
        waiting_since: When the connection was made, or its last answer given; by the event loop's clock.
    """

    head_seconds = HEAD_SECONDS
    waiting_since = 0.0
    _head_timer: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def is_waiting(self) -> bool:
        """Whether the client is to send something: a request, or the rest of its body."""
        return self.is_idle or self.cycle.more_body

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        """Start to wait for a head; where there are too many connections, the one that waits longest goes."""
        others = [one for one in self.connections if isinstance(one, BoundedProtocol) and one.is_waiting]
        super().connection_made(transport)
        self.waiting_since = self.loop.time()
        self._expect_head()
        if others and len(self.connections) >= MAX_CONNECTIONS:
            min(others, key=lambda one: one.waiting_since).drop()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Let the time run where no request comes of the data: a part of a head, or a body that nobody reads."""
        super().data_received(data)
        if not self.is_idle:
            self._stop_timer()
        elif self._head_timer is None:
            self._expect_head()

    def on_response_complete(self) -> None:
        """From here on the connection is idle."""
        self.waiting_since = self.loop.time()
        super().on_response_complete()

    def timeout_keep_alive_handler(self) -> None:
        """The next request did not come; who does not even take the last answer is not waited for."""
        super().timeout_keep_alive_handler()
        self.loop.call_later(self.head_seconds, self.transport.abort)

    def drop(self) -> None:
        """End the connection at once, whatever has not been sent."""
        self.connections.discard(self)
        self.transport.abort()

    def _expect_head(self) -> None:
        self._head_timer = self.loop.call_later(self.head_seconds, self.drop)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


def server_config(application: ASGIApp, **settings: Any) -> uvicorn.Config:
    """How uvicorn serves the application.

    Args:
        application: What answers.
        settings: Of ``uvicorn.Config``, instead of the server's own.
    """
    own: dict[str, Any] = {
        "http": BoundedProtocol,
        "ws": "none",
        "lifespan": "off",
        "access_log": False,
        "log_level": "warning",
        "limit_concurrency": MAX_REQUESTS,
        "timeout_keep_alive": KEEP_ALIVE_SECONDS,
        "timeout_graceful_shutdown": STOP_SECONDS,
    }
    return uvicorn.Config(application, **{**own, **settings})
