"""A loopback address in front of a simulated S3, which notes every request and may refuse some."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

FORBIDDEN = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'

Allows = Callable[[Mapping[str, str]], bool]


@dataclass
class Front:
    """The address, and what came there.

    Attributes:
        url: To send requests to.
        seen: Method and target of each.
    """

    url: str
    seen: list[tuple[str, str]] = field(default_factory=list)

    @property
    def targets(self) -> list[str]:
        """The targets' paths, without their queries."""
        return [urlsplit(target).path for _, target in self.seen]

    @property
    def listings(self) -> int:
        """How often a listing was asked for."""
        return sum("list-type" in parse_qs(urlsplit(target).query) for _, target in self.seen)


@contextmanager
def front(server: str, allows: Allows = lambda _: True) -> Iterator[Front]:
    """Stand in front of a server for the block.

    Args:
        server: URL of the simulated S3.
        allows: Whether a request with these headers passes; what does not is answered with 403.
    """
    upstream = urlsplit(server).netloc

    class Forward(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _forward(self) -> None:
            noted.seen.append((self.command, self.path))
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if not allows(self.headers):
                self._answer(403, {"Content-Type": "application/xml"}, FORBIDDEN)
                return
            connection = HTTPConnection(upstream)
            connection.request(self.command, self.path, body, {**self.headers, "Connection": "close"})
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
            self._answer(answer.status, dict(answer.headers.items()), content)

        def _answer(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
            self.send_response(status)
            length = str(len(content))
            for name, value in headers.items():
                if name.lower() == "content-length" and self.command == "HEAD":
                    length = value
                if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                    self.send_header(name, value)
            self.send_header("Content-Length", length)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _forward  # noqa: N815 - the names that http.server asks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Forward) as listening:
        noted = Front(f"http://127.0.0.1:{listening.server_port}")
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield noted
        listening.shutdown()
