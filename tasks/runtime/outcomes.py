"""What becomes of a stage's tiles: entered into the ledger, and told to whoever watches."""

from collections.abc import Iterable
from typing import Any

from prefect import State
from prefect.logging import get_run_logger

from tasks.core.errors import DecodingEnded, UnreadableImage
from tasks.core.explanations import in_plain_words
from tasks.core.text import enumerated
from tasks.core.tiles.jobs import TileJob
from tasks.core.tiles.ledger import Account, Ledger
from tasks.runtime import dashboard
from tasks.runtime.dashboard import StageProgress
from tasks.runtime.policies import CACHED
from tasks.runtime.progress import watcher
from tasks.runtime.runners import TileFuture
from tasks.runtime.timing import seconds_of

NAMED_IN_LOG = 20


class Outcomes:
    """Counts a stage's tiles as they end.

    Attributes:
        stage: The stage.
        total: Tiles that reach the stage, or may yet.
        started: Task runs that have ended.
        refused: Tiles that no task was started for.
        failed: Tiles that ended badly, these too.
    """

    def __init__(self, stage: str, ledger: Ledger, total: int) -> None:
        self.stage, self.total = stage, total
        self.started = self.refused = self.failed = 0
        self._ledger, self._failed_tiles = ledger, set[str]()
        self._progress: StageProgress | None = None
        self._told = (-1, -1, -1)

    def open(self) -> None:
        """The first tile has come: from now on people see how far the stage is."""
        if self._progress is None:
            self._progress = StageProgress(self.stage, self.total)
            self._progress.__enter__()
            self.tell()

    def close(self, error: BaseException | None = None) -> None:
        """No tile comes any more: say the last word, unless the run breaks off."""
        if self._progress is None:
            return
        if error is None:
            self.tell()
            self._log_failures()
        self._progress.__exit__(None if error is None else type(error), error, None)

    def note(self, future: TileFuture, job: TileJob) -> BaseException | None:
        """A task has ended: why it failed, None where it did not."""
        future.wait()  # completed is not yet final: this fetches the state that the task ended in
        good = note(self._ledger, job, self.stage, future.state)
        self.started += 1
        if good:
            self.tell()
            return None
        self._add_failed(job)
        error = _outcome(future.state)
        return error if isinstance(error, BaseException) else RuntimeError(future.state.name)

    def refuse(self, jobs: Iterable[TileJob], reason: str) -> None:
        """Fail tiles that no task is started for."""
        if not self.refused:
            get_run_logger().error("%s: the tiles that wait: %s", self.stage, reason)
        for job in jobs:
            self._ledger.fail(job, self.stage, reason)
            self.refused += 1
            self._add_failed(job)

    def _add_failed(self, job: TileJob) -> None:
        self.failed += 1
        self._failed_tiles.add(job.tile.id)
        self.tell()

    def tell(self) -> None:
        """How far the stage is, where that has changed."""
        reached = self.started + self.refused, self.failed, self.total
        if self._progress is None or reached == self._told:
            return
        self._told = reached
        watcher().stage(self.stage, *reached)
        self._progress.report(*reached)

    def _log_failures(self) -> None:
        """Name the tiles that failed here, with the pages of their task runs: a log of thousands hides them."""
        failed = [account for account in self._ledger.failed if account.job.tile.id in self._failed_tiles]
        if failed:
            named = enumerated(failed, NAMED_IN_LOG, _with_page)
            get_run_logger().error("%s: %d of %d tiles failed: %s", self.stage, len(failed), self.total, named)


def _with_page(account: Account) -> str:
    page = dashboard.page_of(account.task_run)
    return f"{account.job.tile.id} ({page})" if page else account.job.tile.id


def note(ledger: Ledger, job: TileJob, stage: str, state: State[Any]) -> bool:
    """Enter a task's final state into the ledger; whether it was a good one."""
    outcome = _outcome(state)
    if state.is_completed() and isinstance(outcome, dict):
        ledger.done(job, stage, cached=state.name == CACHED, **outcome)
        return True
    error = outcome if isinstance(outcome, BaseException) else None
    message = in_plain_words(error, job.tile.uri, state.message or state.name or "no answer")
    task_run = str(state.state_details.task_run_id or "")
    unusable = isinstance(error, UnreadableImage) and not isinstance(error, DecodingEnded)
    ledger.fail(job, stage, message, seconds=seconds_of(error), unusable=unusable, task_run=task_run)
    return False


def _outcome(state: State[Any]) -> Any:
    """What a task returned or raised."""
    return state.result(raise_on_failure=False)
