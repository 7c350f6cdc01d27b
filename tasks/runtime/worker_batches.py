"""What a Dask worker does: several tiles' tasks, one after the other, each a task run of the flow run.

A task run needs the flow run's context, a client of the API and credentials. Context and client cost a worker as much
as a small tile does, so a thread keeps them for the next batches of the same run. Credentials are a process's, and
other runs may use the same worker: they are set up once for all tiles of a batch.
"""

import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from threading import local
from typing import Any
from uuid import UUID, uuid4

from prefect import Flow, State, Task
from prefect.task_runners import ThreadPoolTaskRunner

from tasks.runtime.aws_credentials import aws_access
from tasks.runtime.log_file import redacted
from tasks.runtime.prefect_internals import HydratedContext, flow_run_context, run_task

# Runs whose context a worker's thread keeps: those that share a cluster take turns on it.
KEPT = 4


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


@dataclass(frozen=True, slots=True)
class FlowRunValues:
    """A flow run's context, for ``run_tiles`` on another machine: with the API's address and its credentials.

    Attributes:
        values: Plain ones.
        id: Tells it from all others, also from that of the same run's next attempt.
    """

    values: dict[str, Any] = field(repr=False)
    id: UUID = field(default_factory=uuid4)

    @classmethod
    def here(cls) -> "FlowRunValues":
        """Of the flow run whose process this is."""
        runner: Any = ThreadPoolTaskRunner(max_workers=1)
        return cls(flow_run_context(Flow(_flow, name="flood-extent", task_runner=runner)))


class _Kept(local):
    """The contexts that this thread has used last."""

    def __init__(self) -> None:
        self._contexts: OrderedDict[UUID, HydratedContext] = OrderedDict()

    def get(self, flow_run: FlowRunValues) -> HydratedContext:
        """That of a flow run, set up where it is not there."""
        if flow_run.id not in self._contexts:
            self._contexts[flow_run.id] = HydratedContext(flow_run.values)
        self._contexts.move_to_end(flow_run.id)
        while len(self._contexts) > KEPT:
            _, oldest = self._contexts.popitem(last=False)
            oldest.close()
        return self._contexts[flow_run.id]


_kept = _Kept()


def run_tiles(
    task: str, arguments: Sequence[tuple[UUID, dict[str, Any]]], flow_run: FlowRunValues, access: Access
) -> Batch:
    """Run a task once for each of the arguments.

    Args:
        task: Module and name, with a colon between them.
        arguments: Task run id and keyword arguments of each.
        flow_run: Whose task runs they are.
        access: To AWS.
    """
    module, _, name = task.partition(":")
    function: Task[..., Any] = getattr(import_module(module), name)
    # Imports are the first batch's alone, and say nothing of the next.
    started = time.perf_counter()
    reach = aws_access(access.aws_block, access.kms_key, requester_pays=access.requester_pays)
    with reach, redacted():
        kept = _kept.get(flow_run)
        began = time.perf_counter()
        states = kept.run(lambda: tuple(run_task(function, task_run, given) for task_run, given in arguments))
        ended = time.perf_counter()
    return Batch(states, ended - began, time.perf_counter() - started)
