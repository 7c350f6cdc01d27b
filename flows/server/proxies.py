"""Keeps proxies of the environment away from servers on loopback.

The servers of runs and of ``serve`` are on 127.0.0.1, where no proxy has anything to do; Prefect's clients, and what
they start, read the environment for themselves. AWS may need the proxy, so it stays for all other hosts.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_address
from urllib.parse import urlsplit

from tasks.services.process_environment import changed_environment

LOOPBACK = ("127.0.0.1", "localhost", "::1")
PROXIES = ("http_proxy", "https_proxy", "all_proxy")
# httpx makes a client only if it knows what to do with every proxy that is named, asked for or not; for SOCKS it needs
# a package more. AWS's clients know no others than these either, and never read ALL_PROXY.
KNOWN_SCHEMES = ("http", "https")


def is_loopback(url: str) -> bool:
    """Whether the address is one of this machine's own."""
    host = (urlsplit(url).hostname or "").lower()
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def no_proxy_for_loopback(url: str = "http://127.0.0.1") -> Iterator[list[str]]:
    """In the block, this process and what it starts reach 127.0.0.1 directly, whatever proxies are set.

    Args:
        url: That is to be reached; where it is on another machine, all stays as it is.

    Yields:
        Variables whose proxy no client here can use, AWS's neither: it is left out for other hosts as well.
    """
    changed = without_loopback(os.environ) if is_loopback(url) else {}
    with changed_environment(changed):
        yield [name for name, value in changed.items() if value is None and name.lower() != "all_proxy"]


def without_loopback(environment: Mapping[str, str]) -> dict[str, str | None]:
    """What to change: NO_PROXY in both spellings, and proxies that no client here can use (None: take it out)."""
    named = {name: value for name, value in environment.items() if name.lower() in PROXIES and value}
    if not named:
        return {}
    hosts = [host.strip() for name in ("no_proxy", "NO_PROXY") for host in environment.get(name, "").split(",")]
    no_proxy = ",".join(dict.fromkeys([*filter(None, hosts), *LOOPBACK]))
    unusable = {name: None for name, value in named.items() if not _is_usable(value)}
    return {"NO_PROXY": no_proxy, "no_proxy": no_proxy, **unusable}


def _is_usable(proxy: str) -> bool:
    scheme, separator, _ = proxy.partition("://")
    return not separator or scheme.lower() in KNOWN_SCHEMES
