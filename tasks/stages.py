"""Runs one stage over many tiles: submits a task a tile, waits for every one, and notes what became of each."""

from collections.abc import Callable, Sequence
from typing import Any

from prefect import State, Task
from prefect.futures import PrefectFuture, as_completed
from prefect.results import ResultRecord  # type: ignore[attr-defined] # imported there from a private module
from prefect.task_runners import ThreadPoolTaskRunner

from tasks.artifacts import StageProgress
from tasks.core.explanations import in_plain_words
from tasks.core.jobs import TileJob
from tasks.core.ledger import Ledger
from tasks.policies import as_it_is, remembering
from tasks.progress import watcher
from tasks.timing import seconds_of

CACHED = "Cached"


def run_stage(
    stage: Task[..., Any],
    jobs: Sequence[TileJob],
    ledger: Ledger,
    *,
    is_missing: Callable[[TileJob], bool],
    at_once: int = 0,
    interrupted: Callable[[], object] = lambda: None,
    **parameters: Any,
) -> None:
    """Submit the stage for every job and return when all have ended: a failure is noted, not raised.

    Nothing is chained: a task whose upstream failed would stay pending for ever. So each stage gets only the tiles that
    the one before answered.

    Args:
        stage: A tile task.
        jobs: Tiles to do.
        ledger: Where the outcomes go.
        is_missing: Whether a tile's files are not in the work directory: what is remembered of it is then not used.
        at_once: Tiles at a time, for a stage that mostly waits for somebody else; 0: as the flow's runner does.
        interrupted: Called where waiting ``at_once`` is cut short, before the tasks that are under way are waited for.
        parameters: Further arguments of the task, the same for all.
    """
    if not jobs:
        return
    remember, renew = (remembering(stage, jobs[0].work_directory, refresh=refresh) for refresh in (False, True))
    tasks = ((renew if is_missing(job) else remember, job, as_it_is(job.to_dict())) for job in jobs)
    if not at_once:
        _settle(stage.name, {task.submit(values, **parameters): job for task, job, values in tasks}, ledger)
        return
    with ThreadPoolTaskRunner[Any](max_workers=at_once) as runner:
        futures: dict[PrefectFuture[Any], TileJob]
        futures = {runner.submit(task, {"job": values, **parameters}): job for task, job, values in tasks}
        try:
            _settle(stage.name, futures, ledger)
        except BaseException:
            interrupted()
            raise


def _settle(stage: str, futures: dict[PrefectFuture[Any], TileJob], ledger: Ledger) -> None:
    failed = 0
    watcher().stage(stage, 0, 0, len(futures))
    with StageProgress(stage, len(futures)) as progress:
        for ended, future in enumerate(as_completed(list(futures)), start=1):
            future.wait()  # completed is not yet final: this fetches the state that the task ended in
            failed += not note(ledger, futures[future], stage, future.state)
            watcher().stage(stage, ended, failed, len(futures))
            progress.tell(ended, failed)


def note(ledger: Ledger, job: TileJob, stage: str, state: State[Any]) -> bool:
    """Enter a task's final state into the ledger; whether it was a good one."""
    outcome = _outcome(state)
    if state.is_completed() and isinstance(outcome, dict):
        cached = state.name == CACHED
        ledger.done(job, stage, seconds=outcome["seconds"], cached=cached, warnings=outcome.get("warnings", ()))
        return True
    error = outcome if isinstance(outcome, BaseException) else None
    words = in_plain_words(error, job.tile.uri, state.message or state.name or "no answer")
    ledger.fail(job, stage, words, seconds=seconds_of(error))
    return False


def _outcome(state: State[Any]) -> Any:
    """What a task returned or raised; ``state.result`` would hand even what is at hand to another thread and back."""
    return state.data.result if isinstance(state.data, ResultRecord) else state.result(raise_on_failure=False)
