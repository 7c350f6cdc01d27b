"""HTTP servers of tests, on free ports of loopback."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

OF_THE_CONNECTION = ("transfer-encoding", "connection", "content-length")


class Handler(BaseHTTPRequestHandler):
    """Reads what was sent before it replies, and logs nothing."""

    protocol_version = "HTTP/1.1"  # a client that waits for "100 Continue" before its body gets it

    def reply(self, sent: bytes) -> None:
        """Answer a request with this body."""
        raise NotImplementedError

    def _asked(self) -> None:
        self.reply(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _asked  # noqa: N815 - the names that http.server asks for

    def answer(self, body: bytes = b"", status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """A whole answer; to HEAD with the length that the headers have."""
        given, length = headers or {}, str(len(body))
        self.send_response(status)
        for name, value in given.items():
            if name.lower() not in OF_THE_CONNECTION:
                self.send_header(name, value)
        self.send_header("Content-Length", given.get("Content-Length", length) if self.command == "HEAD" else length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def listening(handler: Callable[..., Any]) -> Iterator[str]:
    """A server for the block; its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
