"""A run's page in the dashboard, against a real Prefect server; and what it costs a run where there is none."""

import json
import logging
import socket
import time
from collections.abc import Callable
from queue import Queue
from threading import Event
from typing import Any
from uuid import UUID, uuid4

import cv2
import httpx
import numpy as np
import pytest
from prefect import flow
from prefect.context import SyncClientContext
from prefect.runtime import flow_run
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED,
    temporary_settings,
)
from prefect_api import PrefectApi

from tasks.core.product.to_check import PlaceToCheck
from tasks.core.reports.run_json import TileRow
from tasks.runtime.dashboard import (
    StageProgress,
    offer,
    show_link,
    show_overview,
    show_places,
    show_product,
    show_report,
    show_tiles,
)

LONG_SECONDS = 600.0
DATASET = "demo_flood"
PNG = bytes(cv2.imencode(".png", np.zeros((8, 8, 3), dtype=np.uint8))[1].tobytes())
ROW: TileRow = {
    "tile": "a.jp2",
    "state": "failed",
    "stage": "prepare",
    "seconds": 1.0,
    "seconds_by_stage": {"prepare": 1.0},
    "cached": [],
    "frame_hash": "hash",
    "error": "/data/a.jp2: cut short",
    "unusable": False,
    "task_run": None,
    "flood_m2": 0.0,
    "observed_m2": 0.0,
    "overlap_m2": 0.0,
    "pad_px": 0,
    "warnings": [],
}


PLACE: PlaceToCheck = {"reason": "a place", "doubt": 0.5, "area_m2": 90.0, "x": 5e5, "y": 6e6, "crs": "EPSG:7855"}


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Reads what the log of the test's runs has of warnings and worse."""
    return lambda: [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def in_a_run(work: Callable[[], None]) -> str:
    """Do it in a flow run of its own; the run's id."""

    @flow(name="run-page")
    def run_page() -> None:
        work()

    state = run_page(return_state=True)
    assert state.is_completed()
    return str(state.state_details.flow_run_id)


def show_all() -> None:
    show_overview(DATASET, PNG, "1.20 ha flooded of 3.40 ha observed.")
    show_tiles(DATASET, [ROW])
    show_places(DATASET, {"count": 3, "first": [PLACE]})
    show_report(DATASET, "# Flood extent\n")
    show_product(DATASET, "s3://bucket/maps/demo_flood", ["flood_extent.gpkg"])
    show_link(DATASET, "s3://bucket/maps/demo_flood")


def artifacts_of(api: str, run: str) -> list[dict[str, Any]]:
    return list(PrefectApi(api).artifacts(run, by="id").values())


def test_the_page_of_a_run_has_map_table_report_and_product(
    prefect_api: str, warnings: Callable[[], list[str]]
) -> None:
    """All belong to the run itself, each under its key."""
    shown = {artifact["key"]: artifact for artifact in artifacts_of(prefect_api, in_a_run(show_all))}
    assert set(shown) == {
        f"demo-flood-{kind}" for kind in ("overview", "tiles", "to-check", "report", "product", "link")
    }
    assert "(data:image/png;base64," in shown["demo-flood-overview"]["data"]
    assert json.loads(shown["demo-flood-tiles"]["data"])[0]["error"] == "cut short"
    assert json.loads(shown["demo-flood-to-check"]["data"])[0]["what is doubted"] == "a place"
    assert shown["demo-flood-to-check"]["description"].startswith("3 places to check in demo")
    assert shown["demo-flood-overview"]["description"].startswith("1.20 ha flooded")
    assert not warnings()


def test_a_dataset_has_a_history(prefect_api: str) -> None:
    """A later run's map is the latest under the same key."""
    runs = [in_a_run(lambda: show_report("twice", "# Flood extent\n")) for _ in range(2)]
    latest = httpx.get(f"{prefect_api}/artifacts/twice-report/latest", timeout=30, trust_env=False).json()
    assert latest["flow_run_id"] == runs[1]


def test_a_picture_that_is_none_costs_a_warning(prefect_api: str, warnings: Callable[[], list[str]]) -> None:
    """The run goes on, and so do its other artifacts."""

    def work() -> None:
        show_overview("broken", b"no picture", "?")
        show_report("broken", "# Flood extent\n")

    shown = artifacts_of(prefect_api, in_a_run(work))
    assert [artifact["key"] for artifact in shown] == ["broken-report"]
    assert warnings() == ["the run's page has no overview: ValueError: 10 bytes that are no picture"]


def test_an_api_that_refuses_costs_a_warning_each(prefect_api: str, warnings: Callable[[], list[str]]) -> None:
    """What the server does not take is named; it may take the next."""

    def refused() -> None:
        httpx.get(f"{prefect_api}/artifacts/{uuid4()}", timeout=30, trust_env=False).raise_for_status()

    def work() -> None:
        offer("map", refused)
        show_all()

    assert len(artifacts_of(prefect_api, in_a_run(work))) == 6
    assert len(warnings()) == 1
    assert "404" in warnings()[0]


def test_an_api_that_has_gone_costs_one_warning(
    prefect_api: str,  # noqa: ARG001 - the run's own API
    warnings: Callable[[], list[str]],
) -> None:
    """The run does not fail, and is not told five times."""
    with socket.socket() as taken:  # bound and not listening: every connection is refused
        taken.bind(("127.0.0.1", 0))
        gone = {
            PREFECT_API_URL: f"http://127.0.0.1:{taken.getsockname()[1]}/api",
            PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED: False,
            PREFECT_CLIENT_MAX_RETRIES: 0,
        }

        def work() -> None:
            # With settings of its own, else it is the run's client under another name.
            with temporary_settings(gone), SyncClientContext(httpx_settings={"timeout": 5}):
                show_all()

        in_a_run(work)
    assert len(warnings()) == 1
    assert "no answer from the Prefect API" in warnings()[0]


def test_an_api_that_hangs_is_not_waited_for(
    prefect_api: str,  # noqa: ARG001 - the run's own API
    warnings: Callable[[], list[str]],
) -> None:
    """After the first artifact that takes too long a run waits for no further; the next run does."""
    answers, made = Event(), list[str]()

    def work() -> None:
        offer("map", lambda: answers.wait(LONG_SECONDS), patience_seconds=0.01)
        offer("table", lambda: answers.wait(LONG_SECONDS))

    in_a_run(work)
    in_a_run(lambda: offer("map", lambda: made.append("next run")))
    answers.set()
    assert made == ["next run"]
    assert warnings() == [
        "no answer from the Prefect API (0.01 s): the run's page may lack its map and what comes after it"
    ]


class Recorder:
    """A gauge that notes what it is told, and hands it on to who waits for it."""

    def __init__(self) -> None:
        self.told: list[tuple[float, str]] = []
        self.news: Queue[str] = Queue()

    def show(self, artifact: UUID | None, progress: float, words: str) -> UUID:
        """Note it."""
        self.told.append((progress, words))
        self.news.put(words)
        return artifact or UUID(int=0)

    def wait_for(self, words: str) -> None:
        """Return when it has been told this."""
        while self.news.get(timeout=60) != words:
            pass


def test_a_short_stage_of_few_tiles_is_not_shown() -> None:
    """A run that is over in a second has nothing to report meanwhile."""
    gauge = Recorder()
    with StageProgress("predict", 5, show=gauge.show, pause_seconds=LONG_SECONDS) as progress:
        for ended in range(1, 6):
            progress.report(ended, 0, 5)
    assert gauge.told == []


def test_a_long_stage_of_few_tiles_is_shown() -> None:
    """Few large tiles may take long, too."""
    gauge = Recorder()
    with StageProgress("predict", 5, show=gauge.show, pause_seconds=0.01) as progress:
        gauge.wait_for("predict: 0 of 5 tiles")
        progress.report(2, 1, 5)
        gauge.wait_for("predict: 2 of 5 tiles, 1 failed")
        progress.report(5, 1, 5)
    gauge.wait_for("predict: 5 of 5 tiles, 1 failed")
    assert gauge.told[-1] == (100.0, "predict: 5 of 5 tiles, 1 failed")


def test_progress_is_not_told_tile_by_tile() -> None:
    """First word and last, and between them one a pause: 300,000 tiles are not 300,000 requests."""
    gauge = Recorder()
    with StageProgress("extract", 300_000, show=gauge.show, pause_seconds=LONG_SECONDS) as progress:
        gauge.wait_for("extract: 0 of 300,000 tiles")
        for ended in range(1, 300_001):
            progress.report(ended, 3, 300_000)
    gauge.wait_for("extract: 300,000 of 300,000 tiles, 3 failed")
    assert gauge.told == [(0.0, "extract: 0 of 300,000 tiles"), (100.0, "extract: 300,000 of 300,000 tiles, 3 failed")]


def test_a_stage_that_breaks_off_is_not_shown_as_whole() -> None:
    """A cancelled run's page says how far it came."""
    gauge = Recorder()

    def broken_off() -> None:
        with StageProgress("predict", 100, show=gauge.show, pause_seconds=LONG_SECONDS) as progress:
            gauge.wait_for("predict: 0 of 100 tiles")
            progress.report(40, 0, 100)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    gauge.wait_for("predict: 40 of 100 tiles")
    assert gauge.told[-1][0] == 40.0


class Failing(Recorder):
    """A gauge that fails so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def show(self, artifact: UUID | None, progress: float, words: str) -> UUID:
        """Fail, or note it."""
        self.times -= 1
        if self.times >= 0:
            raise httpx.ConnectError("refused")
        return super().show(artifact, progress, words)


def test_progress_comes_back_with_the_api(
    prefect_api: str,  # noqa: ARG001 - the run's own API
    warnings: Callable[[], list[str]],
) -> None:
    """A server that is started anew is told again, and the log has one warning however long it was away."""
    gauge = Failing(3)

    def work() -> None:
        with StageProgress("predict", 100, show=gauge.show, pause_seconds=0.01) as progress:
            progress.report(7, 0, 100)
            gauge.wait_for("predict: 7 of 100 tiles")

    in_a_run(work)
    assert warnings() == ["the run's page does not show how far predict is: refused"]


def test_the_dashboard_shows_how_far_a_stage_is(prefect_api: str) -> None:
    """One artifact a stage, which is set to a hundred when all tiles have ended."""
    seen: list[str] = []

    def work() -> None:
        with StageProgress("predict", 200) as progress:
            progress.report(200, 3, 200)
        deadline = time.monotonic() + 60  # the run does not wait for the last word, should the server be slow
        while "200 of 200" not in str(seen) and time.monotonic() < deadline:
            seen.extend(one["description"] for one in artifacts_of(prefect_api, str(flow_run.get_id())))

    (shown,) = artifacts_of(prefect_api, in_a_run(work))
    assert (shown["type"], shown["data"], shown["key"]) == ("progress", 100.0, None)
    assert shown["description"] == "predict: 200 of 200 tiles, 3 failed"
