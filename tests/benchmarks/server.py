"""The model server under load: so many clients at once, each with one request after the other, as tiles of a run are.

The server is a process with its own defaults, two predictions at a time; the clients are threads of the project's own
client, which asks again where it is refused. A latency is what a tile waits for its answer, with all
its refusals. Each row is a server of its own, so that its memory is what that load takes.
"""

import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from tasks.services import child_process
from tasks.services.endpoints.container_client import ask, pooled_client, problem_of

CLIENTS = (1, 2, 4, 8, 16, 64)
SECONDS, WIDTH_PX = 10.0, 1000
CONCURRENCY, POLL_SECONDS = 2, 0.05
NAME = "flood_extent_model_requests_total"


@dataclass(frozen=True, slots=True)
class Figures:
    """What one load was answered.

    Attributes:
        a_second: Answers.
        median_s: Of an answer, from the first request for it.
        slow_s: In which 95 % are answered.
        refused_share: Of all requests.
        peak_bytes: Resident memory of the server at most.
    """

    a_second: float
    median_s: float
    slow_s: float
    refused_share: float
    peak_bytes: int


def run() -> None:
    """Print what each number of clients gets, and its ratio to one client."""
    jpeg = _jpeg()
    rows = {clients: _measured(jpeg, clients) for clients in CLIENTS}
    one = rows[1]
    print(
        f"server: water-index, {WIDTH_PX} px, {len(jpeg) / 1e3:.0f} kB, {CONCURRENCY} predictions at a time, "
        f"{CONCURRENCY * 8} more wait; ratios to 1 client ({one.a_second:.1f} answers a second, median "
        f"{1000 * one.median_s:.0f} ms, 95 % in {1000 * one.slow_s:.0f} ms, {one.peak_bytes / 1e6:.0f} MB)\n"
        "  clients  answers/s  median  95 %   refused  memory"
    )
    for clients, row in rows.items():
        print(
            f"  {clients:7}  {row.a_second / one.a_second:8.2f}x  {row.median_s / one.median_s:5.1f}x"
            f"  {row.slow_s / one.slow_s:4.1f}x  {row.refused_share:6.1%}  {row.peak_bytes / one.peak_bytes:5.2f}x"
        )


def _jpeg() -> bytes:
    from jpegs import water_and_crops  # noqa: PLC0415 - of tests/support, which __main__ adds to the path

    return water_and_crops(WIDTH_PX, WIDTH_PX)


def _measured(jpeg: bytes, clients: int) -> Figures:
    with tempfile.TemporaryDirectory(prefix="flood-extent-benchmark-") as folder, _server(Path(folder)) as (url, pid):
        client = pooled_client(trust_env=False)

        def once() -> object:
            return ask(client, url, jpeg, "", "server")

        once()  # the first waits for what is loaded once
        seconds, elapsed_s = _load(once, clients)
        middle_s, slow_s = np.percentile(seconds, (50, 95))
        return Figures(len(seconds) / elapsed_s, middle_s, slow_s, _refused_share(url), _peak_bytes(pid))


@contextmanager
def _server(folder: Path) -> Iterator[tuple[str, int]]:
    """A model server of its own; its address and its process id."""
    port = folder / "port"
    arguments = ["--port", "0", "--announce", str(port), "--concurrency", str(CONCURRENCY)]
    child = child_process.start([sys.executable, "-m", "infra.model_server", *arguments], log=folder / "log")
    try:
        while not port.exists() and child.alive:
            time.sleep(POLL_SECONDS)
        url = f"http://127.0.0.1:{port.read_text()}"
        while problem_of(pooled_client(trust_env=False), url):
            time.sleep(POLL_SECONDS)
        yield url, child.pid
    finally:
        child.stop()


def _load(once: Callable[[], object], clients: int) -> tuple[list[float], float]:
    """Seconds of each answer, and in all, of clients that ask again as soon as they are answered."""
    start = time.monotonic()

    def work(_: int) -> list[float]:
        seconds = []
        while (began := time.monotonic()) < start + SECONDS:
            once()
            seconds.append(time.monotonic() - began)
        return seconds

    with ThreadPoolExecutor(clients) as pool:
        found = [one for each in pool.map(work, range(clients)) for one in each]
    return found, time.monotonic() - start


def _refused_share(url: str) -> float:
    text = httpx.get(f"{url}/metrics", trust_env=False).text
    samples = [one for family in text_string_to_metric_families(text) for one in family.samples if one.name == NAME]
    return sum(one.value for one in samples if one.labels["status"] == "503") / sum(one.value for one in samples)


def _peak_bytes(pid: int) -> int:
    """Most that was resident: VmHWM of proc(5)."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) * 1024
