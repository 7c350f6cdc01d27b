"""How tile-level tasks retry and where they remember their answers, by name."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

from prefect import State, Task
from prefect.cache_policies import NO_CACHE, CacheKeyFnPolicy
from prefect.client.schemas.objects import TaskRun
from prefect.context import TaskRunContext
from prefect.filesystems import WritableFileSystem
from prefect.logging import get_run_logger
from prefect.states import Failed
from prefect.tasks import exponential_backoff
from prefect.transactions import Transaction, get_transaction
from prefect.utilities.annotations import quote

from tasks.core.errors import TransientError, UnusableArgument
from tasks.core.explanations import explained, in_plain_words, is_unexpected
from tasks.results import PLAIN_JSON, WorkResults
from tasks.services import storage

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


def is_transient(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:  # noqa: ARG001 - Prefect's names
    """Whether trying again may help: only errors that say so themselves."""
    return isinstance(state.result(raise_on_failure=False), TransientError)


def by_content(stage: str) -> CacheKeyFnPolicy:
    """Cache under the content key that the tile's job carries for this stage."""

    def key(context: TaskRunContext, parameters: Mapping[str, Any]) -> str:  # noqa: ARG001 - called with both
        return f"{stage}-{parameters['job'][f'{stage}_key']}"

    return CacheKeyFnPolicy(cache_key_fn=key)


def tile_task(stage: str) -> Callable[[Callable[P, R]], Task[P, R]]:
    """Decorator of a tile-level task: named after stage and tile, retried on transient errors, cached by content."""

    def decorate(function: Callable[P, R]) -> Task[P, R]:
        return Task(
            _failing_in_words(function),
            name=stage,
            task_run_name=f"{stage} {{job[name]}}",
            cache_policy=by_content(stage),
            persist_result=True,
            result_serializer=PLAIN_JSON,
            retries=3,
            retry_delay_seconds=exponential_backoff(2),
            retry_jitter_factor=0.5,
            retry_condition_fn=is_transient,
        )

    return decorate


def _failing_in_words(function: Callable[P, R]) -> Callable[P, R]:
    """The function, whose failure is a state with a message for a person instead of Prefect's words on an exception."""

    @wraps(function)
    def in_words(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - also of others' errors, a person should read what to do
            job = cast("Mapping[str, Any]", kwargs.get("job") or args[0])
            return cast("R", failed(error, job["tile"]["uri"]))

    return in_words


def failed(error: Exception, tile_uri: str) -> State[Any]:
    """A task's failure: plain words, and below them the technical cause; it is retried as the error would be."""
    if isinstance(transaction := get_transaction(), Transaction):
        transaction.write_on_commit = False  # a failure is not worth remembering
    words = f"{in_plain_words(error, tile_uri)}\n\n{explained(error)}"
    get_run_logger().error("%s", words, exc_info=error if is_unexpected(error) else None)
    return Failed(message=words, data=error)


def run_task(name: str, task_run_name: str | None = None) -> Callable[[Callable[P, R]], Task[P, R]]:
    """Decorator of a task of the run itself: never cached, for what it does must happen every time."""

    def decorate(function: Callable[P, R]) -> Task[P, R]:
        return Task(
            function, name=name, task_run_name=task_run_name or name, cache_policy=NO_CACHE, persist_result=False
        )

    return decorate


def as_it_is(value: T) -> T:
    """Hand a large value to a task untouched: Prefect would search all of it for futures."""
    return cast("T", quote(value))


def remembering(stage: Task[..., Any], work_directory: str, *, refresh: bool = False) -> Task[..., Any]:
    """The task with its results in the work directory; ``refresh`` computes anew and replaces what is remembered."""
    bound = stage.with_options(refresh_cache=refresh)
    # Assigned, not passed: the constructor accepts only blocks saved on the server, which this one needs not be.
    bound.result_storage = results_in(storage.join(work_directory, "results"))
    return bound


def results_in(folder: str) -> WritableFileSystem:
    """Storage of task results below a local folder or an ``s3://`` prefix, from which only plain JSON is read.

    Raises:
        UnusableArgument: S3 needs an extra that is not installed.
    """
    if not storage.is_s3(folder):
        return WorkResults(folder=folder)
    try:
        from tasks.s3_results import S3Results  # noqa: PLC0415 - a third of a second, and in the extra "aws"
    except ImportError as error:
        raise UnusableArgument(f'{folder}: needs the extra "aws": pip install "flood-extent[aws]"') from error
    return S3Results.at(folder)
