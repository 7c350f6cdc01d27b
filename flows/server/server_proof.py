"""Which server answers on loopback: nothing, something, or ours.

Any user of the machine may listen on a port first, and whoever is asked with credentials has them. So a server on
loopback that nobody named is sent nothing but a nonce until it has proved to be ours (deployments/server_access.py).
"""

import hmac
import secrets
import ssl
from http import HTTPStatus
from typing import Any

import httpx

from deployments.server_access import LONGEST_BYTES, PROOF_PATH, authorization, proof

# They speak plain HTTP: to read this machine's certificates for every question takes 20 to 40 ms of CPU.
NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
ANSWER_SECONDS = 1.0
ANSWER_SECONDS_OF_OURS = 10.0


def is_ours(address: str, key: str) -> bool:
    """Whether the server at this address proves within a second a part that it has the key."""
    nonce = secrets.token_hex(32)
    try:
        with (
            httpx.Client(timeout=ANSWER_SECONDS, trust_env=False, verify=NO_AUTHORITIES) as client,
            client.stream("POST", f"{address}{PROOF_PATH}", content=nonce) as answer,
        ):
            given = next(answer.iter_bytes(LONGEST_BYTES), b"") if answer.status_code == HTTPStatus.OK else b""
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
    return hmac.compare_digest(given, proof(key, address, nonce).encode())


def ask(method: str, url: str, auth_string: str = "", body: Any = None) -> httpx.Response | None:
    """The answer of a server, if it is OK; credentials are for one that is ours, and ``body`` is sent as JSON."""
    headers = authorization(auth_string) if auth_string else {}
    seconds = ANSWER_SECONDS_OF_OURS if auth_string else ANSWER_SECONDS
    try:
        with httpx.Client(timeout=seconds, trust_env=False, verify=NO_AUTHORITIES) as client:
            answer = client.request(method, url, headers=headers, json=body)
    except httpx.HTTPError:
        return None
    return answer if answer.status_code == HTTPStatus.OK else None


def is_healthy(url: str) -> bool:
    """Whether a Prefect API, ours or not, answers there within a second."""
    return ask("GET", f"{url}/health") is not None


def accepts(address: str, auth_string: str) -> bool:
    """Whether a server that is ours takes these credentials."""
    return ask("GET", f"{address}/api/admin/version", auth_string) is not None


def log_in_link(address: str, auth_string: str) -> str:
    """A link that logs one browser in, made by a server that is ours; empty where it makes none."""
    from deployments.log_in import LINKS_PATH  # noqa: PLC0415 - imports a web framework

    answer = ask("POST", f"{address}{LINKS_PATH}", auth_string)
    return "" if answer is None else answer.text
