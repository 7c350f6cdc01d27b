"""Which server answers on loopback: nothing, something, or ours.

Any user of the machine may listen on a port first, and whoever is asked with credentials has them. So a server on
loopback that nobody named is sent nothing but a nonce until it has proved to be ours (deployments/server_access.py).
"""

import hmac
from http import HTTPStatus

import httpx

from deployments.server_access import LONGEST_BYTES, PROOF_PATH, authorization, new_nonce, proof

ANSWER_SECONDS = 1.0
LOG_IN_SECONDS = 10.0


def is_ours(address: str, key: str) -> bool:
    """Whether the server at this address proves within a second a part that it has the key."""
    nonce = new_nonce()
    try:
        with (
            httpx.Client(timeout=ANSWER_SECONDS, trust_env=False) as client,
            client.stream("POST", f"{address}{PROOF_PATH}", content=nonce) as answer,
        ):
            given = next(answer.iter_bytes(LONGEST_BYTES), b"") if answer.status_code == HTTPStatus.OK else b""
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
    return hmac.compare_digest(given, proof(key, address, nonce).encode())


def is_healthy(url: str) -> bool:
    """Whether a Prefect API, ours or not, answers there within a second."""
    try:
        return httpx.get(f"{url}/health", timeout=ANSWER_SECONDS, trust_env=False).status_code == HTTPStatus.OK
    except httpx.HTTPError:
        return False


def accepts(address: str, auth_string: str) -> bool:
    """Whether a server that is ours takes these credentials."""
    try:
        url = f"{address}/api/admin/version"
        answer = httpx.get(url, headers=authorization(auth_string), timeout=LOG_IN_SECONDS, trust_env=False)
    except httpx.HTTPError:
        return False
    return answer.status_code == HTTPStatus.OK


def log_in_link(address: str, auth_string: str) -> str:
    """A link that logs one browser in, made by a server that is ours; empty where it makes none."""
    from deployments.log_in import LINKS_PATH  # noqa: PLC0415 - imports a web framework

    try:
        url = f"{address}{LINKS_PATH}"
        answer = httpx.post(url, headers=authorization(auth_string), timeout=LOG_IN_SECONDS, trust_env=False)
    except httpx.HTTPError:
        return ""
    return answer.text if answer.status_code == HTTPStatus.OK else ""
