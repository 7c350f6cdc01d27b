"""Refusing a request before its body has been read."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

# A connection that is closed while its client still sends is reset, and the client may lose the answer. So what is on
# its way is let in, and thrown away, but no more than this.
LINGER_SECONDS, LINGER_BYTES = 1.0, 1 << 20


class Refusal(PlainTextResponse):
    """The reason as text; then the connection is closed, and the rest of the body is not read.

    Args:
        detail: The reason.
        status_code: Of HTTP.
        headers: Added to its own.
        linger_bytes: Of the body, which may still be on their way, are let in at most; 0: none.
    """

    def __init__(
        self,
        detail: str,
        status_code: int,
        headers: Mapping[str, str] | None = None,
        *,
        linger_bytes: int = LINGER_BYTES,
    ) -> None:
        super().__init__(detail, status_code, {**(headers or {}), "connection": "close"})
        self.linger_bytes = linger_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's own
        """Send all of the answer, and end it when the client has had time to read it."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        if self.linger_bytes:
            with suppress(TimeoutError):
                await asyncio.wait_for(_throw_away(receive, self.linger_bytes), LINGER_SECONDS)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _throw_away(receive: Receive, most_bytes: int) -> None:
    thrown_bytes = 0
    while thrown_bytes < most_bytes:
        message = await receive()
        thrown_bytes += len(message.get("body", b""))
        if not message.get("more_body", False):
            return
