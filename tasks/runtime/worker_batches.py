"""What a Dask worker does: several tiles' tasks, one after the other, each a task run of the flow run.

A task run needs the flow run's context, a client of the API and credentials. That costs a worker more than a small tile
does, so it is set up once for all tiles of a batch.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from uuid import UUID

from prefect import Flow, State, Task
from prefect.task_runners import ThreadPoolTaskRunner

from tasks.runtime.aws_credentials import aws_access
from tasks.runtime.log_file import redacted
from tasks.runtime.prefect_internals import flow_run_context, hydrated, run_task


@dataclass(frozen=True, slots=True)
class Access:
    """What workers need besides their own environment, as the flow's parameters of these names."""

    aws_block: str | None = None
    kms_key: str | None = None
    requester_pays: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """What became of a batch's tiles.

    Attributes:
        states: Final states, in order.
        task_seconds: That all its tasks took.
        seconds: That the batch took, with what comes before and after them.
    """

    states: tuple[State[Any], ...]
    task_seconds: float
    seconds: float


def _flow() -> None:
    """Stands for the flow, whose own module a worker may not have under the name that a deployment gives it."""


def context() -> dict[str, Any]:
    """The flow run's context, for ``run_tiles`` on another machine: with the API's address and its credentials."""
    runner: Any = ThreadPoolTaskRunner(max_workers=1)
    return flow_run_context(Flow(_flow, name="flood-extent", task_runner=runner))


def run_tiles(
    task: str, arguments: Sequence[tuple[UUID, dict[str, Any]]], flow_run: dict[str, Any], access: Access
) -> Batch:
    """Run a task once for each of the arguments.

    Args:
        task: Module and name, with a colon between them.
        arguments: Task run id and keyword arguments of each.
        flow_run: Made by ``context`` in the flow's process.
        access: To AWS.
    """
    module, _, name = task.partition(":")
    function: Task[..., Any] = getattr(import_module(module), name)
    # Imports are the first batch's alone, and say nothing of the next.
    started = time.perf_counter()
    reach = aws_access(access.aws_block, access.kms_key, requester_pays=access.requester_pays)
    with reach, redacted(), hydrated(flow_run):
        began = time.perf_counter()
        states = tuple(run_task(function, task_run, given) for task_run, given in arguments)
        ended = time.perf_counter()
    return Batch(states, ended - began, time.perf_counter() - started)
