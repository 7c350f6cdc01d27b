"""A loopback address in front of a simulated S3, which notes every request and may refuse some."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from urllib.parse import parse_qs, urlsplit

from loopback import Handler, listening

FORBIDDEN = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'

Allows = Callable[[Mapping[str, str]], bool]
Passes = Callable[[str, str], bool]


@dataclass
class Front:
    """The address, and what came there.

    Attributes:
        url: To send requests to.
        seen: Method and target of each.
        sizes: Bytes of the body that each sent, and of the one that it was answered with.
    """

    url: str
    seen: list[tuple[str, str]] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)

    @property
    def targets(self) -> list[str]:
        """The targets' paths, without their queries."""
        return [urlsplit(target).path for _, target in self.seen]

    @property
    def listings(self) -> int:
        """How often a listing was asked for."""
        return sum("list-type" in parse_qs(urlsplit(target).query) for _, target in self.seen)


@contextmanager
def front(server: str, allows: Allows = lambda _: True, passes: Passes = lambda *_: True) -> Iterator[Front]:
    """Stand in front of a server for the block.

    Args:
        server: URL of the simulated S3.
        allows: Whether a request with these headers passes; what does not is answered with 403.
        passes: Likewise, by method and target; called when the body is read, and before any of it is passed on.
    """
    upstream = urlsplit(server).netloc

    class Forward(Handler):
        def reply(self, sent: bytes) -> None:
            noted.seen.append((self.command, self.path))
            if not allows(self.headers) or not passes(self.command, self.path):
                self.answer(FORBIDDEN, 403, {"Content-Type": "application/xml"})
                return
            connection = HTTPConnection(upstream)
            connection.request(self.command, self.path, sent, {**self.headers, "Connection": "close"})
            answer = connection.getresponse()
            content = answer.read()
            noted.sizes.append((len(sent), len(content)))
            self.answer(content, answer.status, answer.headers)  # type: ignore[arg-type]
            connection.close()

    with listening(Forward) as address:
        noted = Front(address)
        yield noted
