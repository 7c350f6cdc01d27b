"""What stands in front of Prefect's server on loopback: which requests reach it at all.

Any page in a browser on this machine can send requests to 127.0.0.1, under a name of its own, too (DNS rebinding);
Prefect has no setting that refuses other names. Refused are a ``Host`` that is not this server and an ``Origin`` that
is not its own pages, for WebSockets as well, before Prefect sees them. Credentials are Prefect's business for all that
is below ``/api``; what it leaves open beside its pages, the API's description, is asked for them here.
"""

from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from deployments.server_access import is_authorized

OURS, API = "/flood-extent/", "/api/"
DESCRIPTIONS = ("/docs", "/redoc", "/openapi.json")
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
HTTP_PORT = 80
POLICY_VIOLATION = 1008  # RFC 6455, 7.4.1
# No other page may show the dashboard in a frame, and have clicks meant for itself land there.
FRAMELESS = [(b"x-frame-options", b"DENY"), (b"content-security-policy", b"frame-ancestors 'none'")]


class Guard:
    """An ASGI application around Prefect's.

    Args:
        prefect: Prefect's application.
        ours: Takes what is below ``/flood-extent/``.
        address: Where browsers find it: ``http://127.0.0.1:PORT``.
        auth_string: That the API asks for.
    """

    def __init__(self, prefect: ASGIApp, ours: Starlette, address: str, auth_string: str) -> None:
        self._prefect, self._ours, self._auth_string = prefect, ours, auth_string
        port = urlsplit(address).port or HTTP_PORT
        self._host, self._hosts = f"127.0.0.1:{port}", {f"{name}:{port}" for name in LOOPBACK_NAMES}
        self._address, self._origins = address, {f"http://{self._host}"}
        if port == HTTP_PORT:  # which browsers leave out
            self._hosts |= set(LOOPBACK_NAMES)
            self._origins.add("http://127.0.0.1")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, refuse, or pass on."""
        if scope["type"] == "lifespan":
            await self._prefect(scope, receive, send)
        elif (refusal := self._refusal(scope)) is not None:
            answer = WebSocketClose(POLICY_VIOLATION) if scope["type"] == "websocket" else refusal
            await answer(scope, receive, send)
        elif scope["type"] == "http" and scope["path"].startswith(OURS):
            await self._ours(scope, receive, send)
        else:
            await self._prefect(scope, receive, send if scope["path"].startswith(API) else _frameless(send))

    def _refusal(self, scope: Scope) -> Response | None:
        hosts, origins = (Headers(scope=scope).getlist(name) for name in ("host", "origin"))
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return PlainTextResponse(f"this server is {self._host}", HTTPStatus.MISDIRECTED_REQUEST)
        if any(origin not in self._origins for origin in origins):
            return PlainTextResponse("other pages may not ask this server", HTTPStatus.FORBIDDEN)
        path = scope["path"]
        if any(path == one or path.startswith(f"{one}/") for one in DESCRIPTIONS) and not self._is_authorized(scope):
            return PlainTextResponse("Unauthorized", HTTPStatus.UNAUTHORIZED)
        if scope["type"] == "http" and hosts[0].lower() == f"localhost:{self._host.split(':')[1]}" and _is_page(scope):
            # A browser keeps the log-in of the two names apart, and takes the API's for another site.
            return RedirectResponse(f"{self._address}{_target(scope)}")
        return None

    def _is_authorized(self, scope: Scope) -> bool:
        given = Headers(scope=scope).getlist("authorization")
        return len(given) == 1 and is_authorized(given[0], self._auth_string)


def _is_page(scope: Scope) -> bool:
    return scope["method"] in ("GET", "HEAD") and not scope["path"].startswith((API, OURS))


def _target(scope: Scope) -> str:
    """Path and query; two slashes at its start would name another server."""
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    query = scope.get("query_string", b"").decode("latin-1")
    return f"/{path.lstrip('/')}{'?' if query else ''}{query}"


def _frameless(send: Send) -> Send:
    async def framed(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), *FRAMELESS]
        await send(message)

    return framed
