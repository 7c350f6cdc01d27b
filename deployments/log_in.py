"""What a server of ours answers beside Prefect: the proof of who it is, and the log-in of a browser by a link.

Prefect's pages keep the credentials in the browser's local storage and ask for them on a page of their own. A link
spares a person to type them: it holds a token that works once and for a quarter of an hour, behind the ``#``, which a
browser sends to nobody. The page that it opens changes the token for the credentials, and puts them where Prefect's
pages look for them. Who has the credentials gets a new link for the asking.
"""

import secrets
import time
from hashlib import sha256

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from deployments.server_access import LONGEST_BYTES, PROOF_PATH, Access, is_authorized, proof, token

LINKS_PATH, LOG_IN_PATH = "/flood-extent/links", "/flood-extent/log-in"
LINK_SECONDS = 15 * 60.0
MOST_LINKS = 100
# Of Prefect 3.8, old pages and new ones.
STORAGE_KEY = "prefect-password"
UNSTORED = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>flood-extent</title>
<body><p id="said">Logging in…</p>
<script nonce="{nonce}">
(async () => {{
  const token = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  const answer = await fetch(location.pathname, {{method: "POST", body: token}});
  if (answer.ok) {{
    localStorage.setItem("{key}", await answer.text());
    location.replace("/");
  }} else {{
    document.getElementById("said").textContent = await answer.text();
  }}
}})();
</script></body></html>
"""
USED = (
    "This link has been used, or is older than a quarter of an hour. `flood-extent serve`, started again in another "
    "terminal, says a new one; or open / and give the content of the file auth-string that serve names."
)


class Links:
    """Tokens that log a browser in: each once, and not for long."""

    def __init__(self) -> None:
        self._until: dict[bytes, float] = {}

    def make(self) -> str:
        """A new token; the oldest goes where there are too many."""
        made = secrets.token_urlsafe(32)
        self._until[_digest(made)] = time.monotonic() + LINK_SECONDS
        while len(self._until) > MOST_LINKS:
            del self._until[next(iter(self._until))]
        return made

    def use(self, given: str) -> bool:
        """Whether it is one of ours; from then on it is not."""
        return self._until.pop(_digest(given), 0.0) > time.monotonic()


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()


def application(access: Access, address: str) -> Starlette:
    """The routes; the guard in front of them has looked at Host and Origin."""
    links = Links()

    async def prove(request: Request) -> Response:
        nonce = await _body(request)
        return PlainTextResponse(proof(access.key, address, nonce), headers=UNSTORED)

    async def make_link(request: Request) -> Response:
        if not is_authorized(request.headers.get("authorization", ""), access.auth_string):
            return PlainTextResponse("Unauthorized", 401)
        return PlainTextResponse(f"{address}{LOG_IN_PATH}#{links.make()}", headers=UNSTORED)

    async def page(_: Request) -> Response:
        nonce = secrets.token_urlsafe(16)
        policy = f"default-src 'none'; script-src 'nonce-{nonce}'; connect-src 'self'; frame-ancestors 'none'"
        headers = {**UNSTORED, "Content-Security-Policy": policy}
        return HTMLResponse(PAGE.format(nonce=nonce, key=STORAGE_KEY), headers=headers)

    async def log_in(request: Request) -> Response:
        if not links.use(await _body(request)):
            return PlainTextResponse(USED, 403, headers=UNSTORED)
        return PlainTextResponse(token(access.auth_string), headers=UNSTORED)

    return Starlette(
        routes=[
            Route(PROOF_PATH, prove, methods=["POST"]),
            Route(LINKS_PATH, make_link, methods=["POST"]),
            Route(LOG_IN_PATH, page, methods=["GET"]),
            Route(LOG_IN_PATH, log_in, methods=["POST"]),
        ]
    )


async def _body(request: Request) -> str:
    """A short body of ASCII.

    Raises:
        HTTPException: It is none.
    """
    body = b""
    try:
        async for part in request.stream():
            body += part
            if len(body) > LONGEST_BYTES:
                raise HTTPException(413)
        return body.decode("ascii")
    except (ClientDisconnect, UnicodeDecodeError) as error:
        raise HTTPException(400) from error
