"""Proxies of the environment, and servers on loopback."""

import os
from urllib.request import proxy_bypass

import httpx
import pytest

from flows.server.proxies import is_loopback, no_proxy_for_loopback, without_loopback

NAMES = [f"{name}_proxy" for name in ("http", "https", "all", "no")]


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's own settings have no part in it."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    "environment",
    [
        {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"},
        {"http_proxy": "proxy.example:3128", "no_proxy": "intranet.example", "NO_PROXY": "other.example"},
        {"ALL_PROXY": "socks5://127.0.0.1:9", "NO_PROXY": "127.0.0.1,localhost"},
        {"all_proxy": "socks://127.0.0.1:9"},
        {"HTTPS_PROXY": "socks5h://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"},
    ],
)
def test_clients_reach_loopback_directly(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever proxy is named, in whatever spelling: a client can be made, and has none for 127.0.0.1."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with no_proxy_for_loopback(), httpx.Client() as client:
        transport = client._transport_for_url(httpx.URL("http://127.0.0.1:4200/api"))
        assert transport is client._transport
        assert proxy_bypass("127.0.0.1")
    assert {name: os.environ.get(name) for name in environment} == environment


def test_aws_keeps_its_proxy() -> None:
    """Other hosts are asked as before, and what was excluded stays so."""
    environment = {"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": "s3.example"}
    assert without_loopback(environment) == {
        "NO_PROXY": "s3.example,127.0.0.1,localhost,::1",
        "no_proxy": "s3.example,127.0.0.1,localhost,::1",
    }


def test_without_a_proxy_nothing_changes() -> None:
    """Nothing is set that nobody needs."""
    assert without_loopback({"NO_PROXY": "s3.example", "HTTP_PROXY": ""}) == {}


def test_a_server_elsewhere_is_reached_as_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """A team's server may be behind the proxy."""
    monkeypatch.setenv("ALL_PROXY", "http://proxy.example:3128")
    with no_proxy_for_loopback("https://prefect.example/api"):
        assert "NO_PROXY" not in os.environ


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:4200/api", True),
        ("http://localhost:4200", True),
        ("http://[::1]:4200", True),
        ("http://127.0.0.1.example/api", False),
        ("http://127.example/api", False),
        ("", False),
    ],
)
def test_what_is_loopback(url: str, expected: bool) -> None:
    """Addresses of this machine, and no names that begin like them."""
    assert is_loopback(url) is expected
