"""A run's page in the dashboard: the map, a row a tile, the report, the product, and how far each stage is.

The dashboard is a convenience. What its API does not take costs a warning, little time, and never the run: each call
is made in a thread of its own, which the run waits for so long and then leaves to itself.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextvars import ContextVar, copy_context
from pathlib import Path
from threading import Event, Thread
from typing import Self, cast
from uuid import UUID

import httpx
from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.utilities.urls import url_for

from tasks.core.overview.overview import map_part
from tasks.core.product.layer import Layer
from tasks.core.product.to_check import ToCheck, to_check
from tasks.core.reports import places_text, run_page
from tasks.core.reports.report_markdown import markdown, plain
from tasks.core.reports.run_json import RunRecord, TileRow, tile_rows
from tasks.core.tiles.ledger import Ledger

PATIENCE_SECONDS = 10.0
# A stage of more tiles shows its progress from the start, another one if it lasts longer than the first pause.
HANDFUL = 10
PAUSE_SECONDS = 5.0
LAST_UPDATE_SECONDS = 2.0
# The run whose API is slow or gone: for what else it is offered nobody waits.
_unanswered: ContextVar[str] = ContextVar("unanswered", default="")


def page_of(task_run: str | None) -> str:
    """The page of a task run in the dashboard; empty where there is none."""
    return (url_for("task-run", task_run) or "") if task_run else ""


def page_of_run(run: UUID | None) -> str:
    """The page of a flow run in the dashboard; empty where there is none."""
    return (url_for("flow-run", run) or "") if run else ""


def show_overview(dataset_name: str, png: bytes, caption: str) -> None:
    """``overview.png`` as a picture; the caption says in a sentence what it shows."""
    about = f"{plain(caption)} Map of {plain(dataset_name)}."
    _show_markdown("overview", dataset_name, lambda: run_page.overview_page(dataset_name, png), about)


def show_tiles(dataset_name: str, rows: Sequence[TileRow], dropped_hint: str = "") -> None:
    """A table with a row a tile; the hint says in a sentence what to know of dropping tiles."""

    def create() -> object:
        about = run_page.tiles_text(dataset_name, rows, dropped_hint, page_of)
        return create_table_artifact(run_page.tile_table(rows, page_of), f"{run_page.slug(dataset_name)}-tiles", about)

    offer("tiles", create)


def show_places(dataset_name: str, places: ToCheck) -> None:
    """A table of the places that most deserve a person's look; none where there is none."""

    def create() -> object:
        about = f"{places_text.number(places)} in {plain(dataset_name)}; {places_text.LAYER}."
        return create_table_artifact(run_page.places_table(places), f"{run_page.slug(dataset_name)}-to-check", about)

    if places["count"]:
        offer("places to check", create)


def show_report(dataset_name: str, report_markdown: str) -> None:
    """``report.md``, the run's report."""
    about = f"What was found in {plain(dataset_name)}, what was not looked at, and how it was made."
    _show_markdown("report", dataset_name, lambda: run_page.report_page(report_markdown), about)


def show_product(dataset_name: str, product_uri: str, files: Sequence[str]) -> None:
    """Where the product's folder is, and the files in it."""
    about = f"{plain(product_uri)} has layers, map and report of {plain(dataset_name)}."
    _show_markdown("product", dataset_name, lambda: run_page.product_page(product_uri, files), about)


def show_link(dataset_name: str, product_uri: str) -> None:
    """A link to the product: in S3 to its console, else to the report among the files of the machine that ran it."""
    link, text = run_page.product_link(product_uri), f"{plain(dataset_name)}: the product"
    key, about = f"{run_page.slug(dataset_name)}-link", plain(product_uri)
    offer("link", lambda: create_link_artifact(link, text, key=key, description=about))


def _show_markdown(kind: str, dataset_name: str, page: Callable[[], str], description: str) -> None:
    key = f"{run_page.slug(dataset_name)}-{kind}"
    offer(kind, lambda: create_markdown_artifact(page(), key=key, description=description))


def offer(kind: str, create: Callable[[], object], patience_seconds: float = PATIENCE_SECONDS) -> None:
    """Create an artifact of this flow run; where that fails or takes too long, say so in the run's log and go on.

    Args:
        kind: What the artifact shows, in a word.
        create: Creates it.
        patience_seconds: How long the run waits for it. Of what it offers after that, it waits for nothing.
    """
    run, outcome = str(flow_run.get_id()), _in_background(create)
    if _unanswered.get() == run:
        return
    try:
        outcome.result(patience_seconds)
    except (TimeoutError, httpx.TransportError) as error:
        _unanswered.set(run)
        message = f"no answer from the Prefect API ({plain(error) or f'{patience_seconds:g} s'})"
        get_run_logger().warning("%s: the run's page may lack its %s and what comes after it", message, kind)
    except Exception as error:  # noqa: BLE001 - no fault of a picture or of the dashboard may cost a run its product
        get_run_logger().warning("the run's page has no %s: %s: %s", kind, type(error).__name__, plain(error))


def _in_background(work: Callable[[], object]) -> Future[object]:
    """Do it in a thread that nobody waits for at the end of the process."""
    outcome: Future[object] = Future()

    def do() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it
            outcome.set_exception(error)

    Thread(target=copy_context().run, args=(do,), name="artifact", daemon=True).start()
    return outcome


def show_progress(artifact: UUID | None, progress: float, text: str) -> UUID:
    """Set a progress artifact of this flow run, or make it (None): without a key, as its history would say nothing."""
    if artifact is None:
        return cast("UUID", create_progress_artifact(progress, description=text))
    update_progress_artifact(artifact, progress, description=text)
    return artifact


class StageProgress:
    """Shows how far a stage of so many tiles is while the block runs; the block itself never waits for the API."""

    def __init__(
        self,
        stage: str,
        total: int,
        *,
        show: Callable[[UUID | None, float, str], UUID] = show_progress,
        pause_seconds: float = PAUSE_SECONDS,
    ) -> None:
        self._stage, self._total, self._show, self._pause_seconds = stage, total, show, pause_seconds
        self._reached = (0, 0, total)
        self._over, self._refused = Event(), False
        self._thread = Thread(target=copy_context().run, args=(self._follow,), name=f"progress-{stage}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._over.set()
        if kind is None and not self._refused:  # a run that breaks off has no time to lose
            self._thread.join(LAST_UPDATE_SECONDS)

    def report(self, ended: int, failed: int, total: int) -> None:
        """So many tiles have ended, so many of them badly, of so many that reach the stage, or may yet."""
        self._reached = (ended, failed, total)

    def _follow(self) -> None:
        if self._total <= HANDFUL and self._over.wait(self._pause_seconds):
            return
        artifact: UUID | None = None
        shown, over, warned = (-1, -1, -1), False, False
        while not over:
            over, reached = self._over.is_set(), self._reached  # in this order: the last word is never lost
            try:
                if reached != shown:
                    text = run_page.progress_text(self._stage, *reached)
                    artifact = self._show(artifact, run_page.percent(reached[0], reached[2]), text)
                    shown = reached
                self._refused = False
            except Exception as error:  # noqa: BLE001 - as above; the next update may be taken
                self._refused = True
                if not warned:
                    get_run_logger().warning("the run's page does not show how far %s is: %s", self._stage, error)
                warned = True
            if not over:
                self._over.wait(self._pause_seconds)


def show_result(name: str, folder: Path, record: RunRecord, product: str) -> None:
    """The map, a row a tile, the report, and where the product is; its files are still in a local folder, too."""
    area = record["totals"]
    included = ", permanent water included," if area["normal_water_ha"] is None else ""
    caption = f"{area['flooded_ha']:,.2f} ha flooded{included} of {area['observed_ha']:,.2f} ha observed."
    show_overview(name, map_part((folder / "overview.png").read_bytes()), caption)
    show_tiles(name, record["tiles"])
    show_places(name, record["to_check"])
    show_report(name, markdown(record))
    files = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    show_product(name, product, sorted(files))
    show_link(name, product)


def show_no_product(name: str, record: RunRecord) -> None:
    """A row a tile, with what was wrong; after a rejection the table of the review stays, for it has the figures."""
    if record["review"] is None:
        show_tiles(name, record["tiles"])


def show_for_review(name: str, folder: Path, ledger: Ledger, layers: Sequence[Layer]) -> None:
    """Map and table as they would be, for the person who decides."""
    show_overview(name, map_part((folder / "overview.png").read_bytes()), "As it would be: your review decides.")
    show_tiles(name, tile_rows(ledger.accounts, layers))
    show_places(name, to_check(layers))
