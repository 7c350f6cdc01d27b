"""Debian's Chromium, as tests drive it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium")
# Without these it looks for hosts beyond this machine at every start.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def new_page() -> Iterator[Any]:
    """A page in a new browser; skips where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            page = browser.new_page(viewport={"width": 1400, "height": 1000})
            page.set_default_timeout(180_000)
            yield page
        finally:
            browser.close()


def log_in(page: Any, link: str) -> None:
    """Follow the link and return when the dashboard is there: Chromium loses what a page has stored just before."""
    page.goto(link)
    page.get_by_text("Logout").first.wait_for()
