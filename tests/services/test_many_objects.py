"""Datasets of thousands of objects in S3."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from tasks.services import datasets, storage

PAGE = 1000  # keys that S3 lists a request
NAMES = [f"strip {number % 7}/deep/{number:05d}.jp2" for number in range(2500)]


@dataclass
class Counted:
    """A loopback address in front of S3 that notes every request.

    Attributes:
        url: To send requests to.
        seen: Method and target of each.
    """

    url: str
    seen: list[tuple[str, str]] = field(default_factory=list)

    @property
    def listings(self) -> int:
        """How often a listing was asked for."""
        return sum("list-type" in parse_qs(urlsplit(target).query) for _, target in self.seen)


@pytest.fixture
def counted(s3_server: str, aws_settings: pytest.MonkeyPatch) -> Iterator[Counted]:
    """The environment's S3, with every request counted. Ask for the bucket first: only reading passes."""
    upstream = urlsplit(s3_server).netloc

    class Forward(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _forward(self) -> None:
            noted.seen.append((self.command, self.path))
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            connection = HTTPConnection(upstream)
            connection.request(self.command, self.path, body, {**self.headers, "Connection": "close"})
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                    self.send_header(name, value)
            length = answer.headers.get("Content-Length") if self.command == "HEAD" else str(len(content))
            self.send_header("Content-Length", length or "0")
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_HEAD = _forward  # noqa: N815 - the names that http.server asks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Forward) as server:
        noted = Counted(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        aws_settings.setenv("AWS_ENDPOINT_URL", noted.url)
        yield noted
        server.shutdown()


def filled(s3_bucket: str, names: list[str]) -> str:
    """A prefix with small objects that are no images, put where moto keeps them: over HTTP they would take long."""
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    for name in names:
        backend.put_object(storage.name(s3_bucket), f"set/{name}", name.encode())
    return f"{s3_bucket}/set"


def test_a_long_listing_is_whole_and_asked_for_page_by_page(s3_bucket: str, counted: Counted) -> None:
    """2,500 keys are listed in order, each once, with as many requests as there are pages."""
    found = storage.list_objects(filled(s3_bucket, NAMES))
    assert [info.relative_path for info in found] == sorted(NAMES)
    assert len(counted.seen) == counted.listings == -(-len(NAMES) // PAGE)


def test_a_dataset_is_listed_once_and_its_headers_read(s3_bucket: str, counted: Counted) -> None:
    """Tiles cost reads of their own and nothing else: where they and their sidecars are, the listing has told."""
    tiles = datasets.list_tiles(filled(s3_bucket, NAMES[:200]), crs=None, max_pixels=10**8)
    assert [tile.id for tile in tiles] == sorted(NAMES[:200])
    assert counted.listings == 1
    assert {method for method, _ in counted.seen} == {"GET"}
    assert len(counted.seen) <= 1 + 2 * 200  # its header to judge the tile, and once more for its ground
