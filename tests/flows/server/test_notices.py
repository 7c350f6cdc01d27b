"""Notices on the terminal of serve."""

import httpx
import pytest

from flows.server.notices import receiver


def test_a_notice_is_said() -> None:
    """What the server posts, a person reads; credentials and control characters are not passed on."""
    said: list[str] = []
    with receiver(said.append) as url:
        text = "A run has failed: town\x1b[2J\nhttp://127.0.0.1 aws_secret_access_key=abcdef"
        assert httpx.post(url, json={"text": text}, trust_env=False).status_code == 204
    assert said[0].startswith("A run has failed: town[2J\n")
    assert "abcdef" not in said[0]


@pytest.mark.parametrize("body", [b"", b"text", b"[]", b'{"text": 1}', b"\xff"])
def test_what_is_no_notice_is_not_said(body: bytes) -> None:
    """Whatever somebody posts, the terminal stays as it is."""
    said: list[str] = []
    with receiver(said.append) as url:
        assert httpx.post(url, content=body, trust_env=False).status_code == 204
        assert httpx.post(f"{url}x", json={"text": "guessed"}, trust_env=False).status_code == 404
    assert said == []
