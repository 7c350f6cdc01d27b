"""What the server has to tell a person, on the terminal of ``serve``: automations post here where no chat is given."""

import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tasks.core.text import safe_text

LONGEST_BYTES = 100_000
TIMEOUT_SECONDS = 10


@contextmanager
def receiver(report: Callable[[str], None]) -> Iterator[str]:
    """Take notices on a loopback port while the block runs, and say the text of each.

    Yields:
        The URL that takes a POST of ``{"text": …}``; others on this machine cannot guess it.
    """
    path = f"/{secrets.token_urlsafe(16)}"

    class Handler(BaseHTTPRequestHandler):
        timeout = TIMEOUT_SECONDS

        def do_POST(self) -> None:
            """Say the text; whoever does not know the path learns nothing."""
            text = _text(self.rfile.read(_length(self.headers.get("Content-Length"))))
            known = secrets.compare_digest(self.path.encode(errors="replace"), path.encode())
            self.send_response(HTTPStatus.NO_CONTENT if known else HTTPStatus.NOT_FOUND)
            self.end_headers()
            if known and text:
                report(text)

        def log_message(self, *_: object) -> None:
            """Requests are no news."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, name="notices", daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{path}"
    finally:
        server.shutdown()
        server.server_close()


def _length(stated: str | None) -> int:
    return min(int(stated), LONGEST_BYTES) if stated is not None and stated.isdecimal() else 0


def _text(body: bytes) -> str:
    """What a person should read of a notice; nothing where it is none."""
    try:
        notice = json.loads(body)
    except ValueError:
        return ""
    text = notice.get("text") if isinstance(notice, dict) else None
    return safe_text(text) if isinstance(text, str) else ""
