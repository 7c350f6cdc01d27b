"""Runs one stage over many tiles: submits a task a tile, waits for every one, and notes what became of each."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from prefect import State, Task
from prefect.futures import PrefectFuture, as_completed
from prefect.logging import get_run_logger
from prefect.task_runners import ThreadPoolTaskRunner

from tasks.core.errors import DecodingEnded, UnreadableImage
from tasks.core.explanations import in_plain_words
from tasks.core.text import enumerated
from tasks.core.tiles.jobs import TileJob
from tasks.core.tiles.ledger import Account, Ledger
from tasks.runtime import dashboard
from tasks.runtime.dashboard import StageProgress
from tasks.runtime.first_answer import ALONE_SECONDS, until_accepted
from tasks.runtime.policies import CACHED, as_it_is
from tasks.runtime.progress import watcher
from tasks.runtime.timing import seconds_of

NAMED_IN_LOG = 20
# Tiles at a time while an endpoint has yet to answer, where the stage does not say how many it serves.
FEW = max(2, os.cpu_count() or 2)

Submit = Callable[[TileJob], PrefectFuture[Any]]


def run_stage(
    stage: Task[..., Any],
    jobs: Sequence[TileJob],
    ledger: Ledger,
    *,
    is_cached: Callable[[TileJob], bool],
    at_once: int = 0,
    on_trial: bool = False,
    alone_seconds: float = ALONE_SECONDS,
    interrupted: Callable[[], object] = lambda: None,
    **parameters: Any,
) -> int:
    """Submit the stage for every job and return when all have ended: a failure is noted, not raised.

    Nothing is chained: a task whose upstream failed would stay pending for ever. So each stage gets only the tiles that
    the one before answered.

    Args:
        stage: A tile task.
        jobs: Tiles to do.
        ledger: Where the outcomes go.
        is_cached: Whether a tile's answer is in the work directory.
        at_once: Tiles at a time, for a stage that mostly waits for somebody else; 0: as the flow's runner does.
        on_trial: Whether the first answer decides if the other tiles are asked for (``first_answer``).
        alone_seconds: How long the first tile is then waited for before others follow.
        interrupted: Called where waiting ``at_once`` is cut short, before the tasks that are under way are waited for.
        parameters: Further arguments of the task, the same for all.

    Returns:
        How many task runs were started: fewer than jobs where the first answer was of the wrong format.
    """
    if not jobs:
        return 0
    with (
        _submitting(stage, is_cached, at_once, interrupted, parameters) as submit,
        StageProgress(stage.name, len(jobs)) as progress,
    ):
        outcomes = _Outcomes(stage.name, ledger, len(jobs), progress)
        unasked = deque(job for job in jobs if on_trial and not is_cached(job))
        others = [job for job in jobs if not on_trial or is_cached(job)]
        futures, wrong = until_accepted(unasked, submit, outcomes.note, at_once or FEW, alone_seconds)
        if wrong is not None:
            outcomes.refuse(unasked, f"not asked for, since the endpoint's first answer has the wrong format: {wrong}")
        futures |= {submit(job): job for job in (*unasked, *others)}
        for future in as_completed(list(futures)):
            outcomes.note(future, futures[future])
    _log_failures(stage.name, jobs, ledger)
    return outcomes.started


def _log_failures(stage: str, jobs: Sequence[TileJob], ledger: Ledger) -> None:
    """Name the tiles that failed in this stage, with the pages of their task runs: a log of thousands hides them."""
    tiles = {job.tile.id for job in jobs}
    failed = [account for account in ledger.failed if account.job.tile.id in tiles]
    if failed:
        named = enumerated(failed, NAMED_IN_LOG, _with_page)
        get_run_logger().error("%s: %d of %d tiles failed: %s", stage, len(failed), len(jobs), named)


def _with_page(account: Account) -> str:
    page = dashboard.page_of(account.task_run)
    return f"{account.job.tile.id} ({page})" if page else account.job.tile.id


@contextmanager
def _submitting(
    stage: Task[..., Any],
    is_cached: Callable[[TileJob], bool],
    at_once: int,
    interrupted: Callable[[], object],
    parameters: dict[str, Any],
) -> Iterator[Submit]:
    """What submits the stage for a tile: to a runner of the block's own where ``at_once`` is given."""

    def asked(job: TileJob) -> dict[str, Any]:
        return {"job": as_it_is(job.to_dict() | {"cached": is_cached(job)}), **parameters}

    if not at_once:
        yield lambda job: stage.submit(**asked(job))
        return
    with ThreadPoolTaskRunner[Any](max_workers=at_once) as runner:
        try:
            yield lambda job: runner.submit(stage, asked(job))
        except BaseException:
            interrupted()
            raise


@dataclass
class _Outcomes:
    """Enters what becomes of a stage's tiles into the ledger, and reports to whoever watches.

    ``started`` counts task runs that have ended, ``refused`` tiles that no task was started for, ``failed`` these too.
    """

    stage: str
    ledger: Ledger
    total: int
    progress: StageProgress
    started: int = 0
    refused: int = 0
    failed: int = 0

    def __post_init__(self) -> None:
        watcher().stage(self.stage, 0, 0, self.total)

    def note(self, future: PrefectFuture[Any], job: TileJob) -> BaseException | None:
        """A task has ended: why it failed, None where it did not."""
        future.wait()  # completed is not yet final: this fetches the state that the task ended in
        good = note(self.ledger, job, self.stage, future.state)
        self.started += 1
        self.failed += not good
        self._report()
        error = None if good else _outcome(future.state)
        return error if good or isinstance(error, BaseException) else RuntimeError(future.state.name)

    def refuse(self, jobs: deque[TileJob], reason: str) -> None:
        """Fail tiles that no task is started for."""
        get_run_logger().error("%s: %d tiles %s", self.stage, len(jobs), reason)
        while jobs:
            self.ledger.fail(jobs.popleft(), self.stage, reason)
            self.refused += 1
            self.failed += 1
        self._report()

    def _report(self) -> None:
        watcher().stage(self.stage, self.started + self.refused, self.failed, self.total)
        self.progress.report(self.started + self.refused, self.failed)


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
