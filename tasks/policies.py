"""How tile-level tasks retry and where they remember their answers, by name."""

import json
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar, cast

from prefect import State, Task
from prefect.cache_policies import NO_CACHE, CacheKeyFnPolicy
from prefect.client.schemas.objects import TaskRun
from prefect.context import TaskRunContext
from prefect.filesystems import WritableFileSystem
from prefect.serializers import JSONSerializer
from prefect.tasks import exponential_backoff
from prefect.utilities.annotations import quote

from tasks.core.errors import TransientError
from tasks.services import storage

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

# Prefect's default JSON decoder, like pickle, imports and calls what the file names; plain JSON does not.
PLAIN_JSON = JSONSerializer(object_decoder=None)
PLAIN_SETTINGS = PLAIN_JSON.model_dump()


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
            function,
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


def run_task(name: str, task_run_name: str | None = None) -> Callable[[Callable[P, R]], Task[P, R]]:
    """Decorator of a task of the run itself: never cached, for what it does must happen every time."""

    def decorate(function: Callable[P, R]) -> Task[P, R]:
        return Task(function, name=name, task_run_name=task_run_name, cache_policy=NO_CACHE, persist_result=False)

    return decorate


def as_it_is(value: T) -> T:
    """Hand a large value to a task untouched: Prefect would search all of it for futures."""
    return cast("T", quote(value))


class WorkResults(WritableFileSystem):
    """Task results in the work directory, local or S3.

    A result file names the serializer to read it with, and some of them execute what the file says. So a file that
    names any but ours is not read at all: the task runs again.
    """

    _block_type_name = "Flood extent work directory"

    folder: str

    def _resolve_path(self, path: str) -> None:
        """Keys stay as they are: Prefect would otherwise take them for paths below the current folder."""

    def read_path(self, path: str, _sync: bool = True) -> bytes:  # type: ignore[override] # tasks here are synchronous
        """The result record stored under a key."""
        content = storage.read_bytes(storage.join(self.folder, path))
        return checked_record(content, path)

    def write_path(self, path: str, content: bytes, _sync: bool = True) -> None:  # type: ignore[override]
        """Store a result record."""
        storage.write_bytes(storage.join(self.folder, path), content)


def checked_record(content: bytes, name: str) -> bytes:
    """``content`` as it is, if it is a plain JSON result record.

    Raises:
        ValueError: It is something else.
    """
    record = json.loads(content)
    if record["metadata"]["serializer"] != PLAIN_SETTINGS:
        raise ValueError(f"the cached result {name} is not plain JSON: it is not read")
    return content


def remembering(stage: Task[..., Any], work_directory: str, *, refresh: bool = False) -> Task[..., Any]:
    """The task with its results in the work directory; ``refresh`` computes anew and replaces what is remembered."""
    bound = stage.with_options(refresh_cache=refresh)
    # Assigned, not passed: the constructor accepts only blocks saved on the server, which this one needs not be.
    bound.result_storage = WorkResults(folder=storage.join(work_directory, "results"))
    return bound
