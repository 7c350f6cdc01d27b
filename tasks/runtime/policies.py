"""Decorators of tasks: retries, and the cache of tiles' answers (``docs/decisions.md``)."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

from prefect import State, Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import TaskRun
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed
from prefect.tasks import exponential_backoff
from prefect.utilities.annotations import quote

from tasks.core.errors import ObjectMissing, RecordMismatch, TransientError
from tasks.core.explanations import explained, in_plain_words, is_unexpected
from tasks.core.tiles.jobs import Stage, TileJob
from tasks.services import storage
from tasks.services.work_directory import cached_files

CACHED = "Cached"

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


def is_transient(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:  # noqa: ARG001 - Prefect's names
    """Whether trying again may help: only errors that say so themselves."""
    return isinstance(state.result(raise_on_failure=False), TransientError)


def tile_task(
    stage: Stage, *, retries: int, cached_by: str, hands_on: str | None = None
) -> Callable[[Callable[..., dict[str, Any]]], Task[..., Any]]:
    """Decorator of a tile-level task: named after stage and tile, retried on transient errors, cached by content.

    The function gets a ``TileJob``. The task gets ``to_dict`` of it, with ``cached``: whether record and files of the
    stage are listed. It then ends as Completed ``Cached`` without calling the function, unless the record is not the
    tile's.

    Args:
        stage: The task's name.
        retries: How often at most.
        cached_by: The job's content key, which the answer lies under in the work directory.
        hands_on: The job's URI of the file that the product is made of: size and SHA-256 that the record has for it are
            handed on. Without one the record is not read.
    """

    def decorate(function: Callable[..., dict[str, Any]]) -> Task[..., Any]:
        # The cache is the files in the work directory (cached_files): Prefect keeps and reads nothing of its own.
        @task(
            name=stage,
            task_run_name=f"{stage} {{job[name]}}",
            cache_policy=NO_CACHE,
            persist_result=False,
            retries=retries,
            retry_delay_seconds=exponential_backoff(2),
            retry_jitter_factor=0.5,
            retry_condition_fn=is_transient,
        )
        @wraps(function)
        def answer(job: dict[str, Any], **settings: Any) -> dict[str, Any] | State[Any]:
            values = dict(job)
            is_cached = values.pop("cached", False)
            tile = TileJob.from_dict(values)
            try:
                cached, warnings = _cached(tile, stage, cached_by, hands_on) if is_cached else (None, [])
                if cached is not None:
                    return cached
                found = function(tile, **settings)
            except Exception as error:  # noqa: BLE001 - also of others' errors, a person should read what to do
                return failed(error, tile.tile.uri)
            return found | {"warnings": [*warnings, *found.get("warnings", ())]}

        return answer

    return decorate


def _cached(job: TileJob, stage: Stage, cached_by: str, hands_on: str | None) -> tuple[State[Any] | None, list[str]]:
    """The final state of a task whose answer is cached; None and warnings where it is not, or not the tile's."""
    found: dict[str, Any] = {"seconds": 0.0}
    if hands_on is not None:
        try:
            record = cached_files.record_of(job, stage)
        except ObjectMissing:
            return None, []
        except RecordMismatch as error:
            return None, [computed_again(error)]
        found |= {"warnings": record.warnings, "file": record.files.get(storage.name(getattr(job, hands_on)))}
    message = f"{cached_by} {getattr(job, cached_by)} in {job.work_directory}"
    return Completed(name=CACHED, message=message, data=found), []


def computed_again(mismatch: RecordMismatch) -> str:
    """Discard what does not fit its record; the warning on it."""
    cached_files.discard(mismatch)
    warning = f"{mismatch.finding}; it is computed again"
    get_run_logger().warning("%s", warning)
    return warning


def failed(error: Exception, tile_uri: str) -> State[Any]:
    """A task's failure: plain words, and below them the technical cause; it is retried as the error would be."""
    message = f"{in_plain_words(error, tile_uri)}\n\n{explained(error)}"
    get_run_logger().error("%s", message, exc_info=error if is_unexpected(error) else None)
    return Failed(message=message, data=error)


def run_task(name: str, task_run_name: str | None = None) -> Callable[[Callable[P, R]], Task[P, R]]:
    """Decorator of a task of the run itself: never cached, for what it does must happen every time."""
    return task(name=name, task_run_name=task_run_name or name, cache_policy=NO_CACHE, persist_result=False)


def as_it_is(value: T) -> T:
    """Hand a large value to a task untouched: Prefect would search all of it for futures."""
    return cast("T", quote(value))


def unquoted(value: Any) -> Any:
    """What ``as_it_is`` was given; any other value is itself."""
    return value.unquote() if isinstance(value, quote) else value
