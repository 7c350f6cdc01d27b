"""The guard in front of Prefect's server: which requests reach it."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from deployments.guard import Guard
from deployments.log_in import LINKS_PATH, LOG_IN_PATH, application
from deployments.server_access import PROOF_PATH, Access, authorization, proof, token

ADDRESS = "http://127.0.0.1:4999"
ACCESS = Access("flood-extent:pass", "key")


async def prefect(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers everything, as Prefect's pages do."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
    else:
        await PlainTextResponse("reached")(scope, receive, send)


def guard(ours: Starlette | None = None) -> Guard:
    return Guard(prefect, ours or application(ACCESS, ADDRESS), ADDRESS, ACCESS.auth_string)


def ask(path: str, headers: Mapping[str, str] | None = None, method: str = "GET", content: str = "") -> httpx.Response:
    return asyncio.run(_ask(guard(), path, headers or {}, method, content))


async def _ask(app: Guard, path: str, headers: Mapping[str, str], method: str, content: str) -> httpx.Response:
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as client:
        return await client.request(method, path, headers=headers, content=content)


@pytest.mark.parametrize("host", ["127.0.0.1:4999", "[::1]:4999", "LOCALHOST:4999"])
def test_its_own_names_are_answered(host: str) -> None:
    """By whatever name of loopback a client asks."""
    assert ask("/api/flows", {"host": host}).text == "reached"


@pytest.mark.parametrize(
    "host", ["evil.example:4999", "127.0.0.1:4999.evil.example", "127.0.0.1", "127.0.0.1:80", "localhost", "", "[::1]"]
)
def test_a_foreign_host_is_refused(host: str) -> None:
    """A page whose name an attacker points at 127.0.0.1 gets nothing, with credentials neither."""
    answer = ask("/api/flows", {"host": host, **authorization(ACCESS.auth_string)})
    assert (answer.status_code, "reached" in answer.text) == (421, False)


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://127.0.0.1:5000", "http://localhost:4999", "null", ""]
)
def test_another_page_is_refused(origin: str) -> None:
    """A request that a browser marks as another page's does not reach Prefect, whatever it carries."""
    answer = ask("/api/flows", {"origin": origin, **authorization(ACCESS.auth_string)}, "POST")
    assert (answer.status_code, "access-control-allow-origin" in answer.headers) == (403, False)


def test_its_own_pages_are_answered_and_framed_by_nobody() -> None:
    """The dashboard asks its own server; no other page can lay itself over it."""
    answer = ask("/deployments", {"origin": ADDRESS})
    assert (answer.text, answer.headers["x-frame-options"]) == ("reached", "DENY")


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/docs/oauth2-redirect"])
def test_the_description_asks_for_the_password(path: str) -> None:
    """What Prefect leaves open beside its pages is closed."""
    assert ask(path).status_code == 401
    assert ask(path, authorization(ACCESS.auth_string)).text == "reached"


@pytest.mark.parametrize(
    ("path", "target"), [("/v2/runs?a=b", "/v2/runs?a=b"), ("//evil.example/x", "/evil.example/x")]
)
def test_pages_have_one_name(path: str, target: str) -> None:
    """A browser that opens localhost ends where its log-in is kept, and nowhere else."""
    answer = ask(f"{ADDRESS}{path}", {"host": "localhost:4999"})
    assert (answer.status_code, answer.headers["location"]) == (307, f"{ADDRESS}{target}")


@pytest.mark.parametrize(
    ("headers", "accepted"),
    [
        ([(b"host", b"127.0.0.1:4999")], True),
        ([(b"host", b"127.0.0.1:4999"), (b"origin", ADDRESS.encode())], True),
        ([(b"host", b"127.0.0.1:4999"), (b"origin", b"http://evil.example")], False),
        ([(b"host", b"evil.example:4999")], False),
        ([(b"host", b"127.0.0.1:4999"), (b"host", b"evil.example")], False),
        ([], False),
    ],
)
def test_websockets_are_guarded_as_well(headers: list[tuple[bytes, bytes]], accepted: bool) -> None:
    """A browser lets any page open one, so the server looks."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    scope: dict[str, Any] = {"type": "websocket", "path": "/api/events/out", "headers": headers}
    asyncio.run(guard()(scope, receive, send))
    assert sent[0]["type"] == ("websocket.accept" if accepted else "websocket.close")


def test_it_proves_who_it_is() -> None:
    """The answer to a nonce is the key's, for this address alone."""
    answer = ask(PROOF_PATH, method="POST", content="nonce")
    assert answer.text == proof("key", ADDRESS, "nonce")
    assert answer.text not in (proof("key", "http://127.0.0.1:4200", "nonce"), proof("other", ADDRESS, "nonce"))


@pytest.mark.parametrize(("content", "status"), [("x" * 129, 413), ("é", 400)])
def test_what_is_no_nonce_is_refused(content: str, status: int) -> None:
    """Nobody keeps the server busy with a long body."""
    assert ask(PROOF_PATH, method="POST", content=content).status_code == status


def test_a_link_works_once() -> None:
    """Who has the password gets a link; it gives the password to the first that opens it, and then to nobody."""
    app = guard()

    async def opened() -> list[httpx.Response]:
        link = await _ask(app, LINKS_PATH, authorization(ACCESS.auth_string), "POST", "")
        given = link.text.partition("#")[2]
        return [link, *[await _ask(app, LOG_IN_PATH, {"origin": ADDRESS}, "POST", given) for _ in range(2)]]

    link, first, second = asyncio.run(opened())
    assert link.text.startswith(f"{ADDRESS}{LOG_IN_PATH}#")
    assert (first.text, second.status_code) == (token(ACCESS.auth_string), 403)


def test_links_are_made_for_the_owner_alone() -> None:
    """Without the password there is no link, and no guessed one opens."""
    assert ask(LINKS_PATH, method="POST").status_code == 401
    assert ask(LOG_IN_PATH, method="POST", content="guessed").status_code == 403
