"""What this project needs of Prefect 3.8 and Prefect has no public name for: here, and nowhere else.

``tests/tasks/runtime/test_prefect_internals.py`` fails where an upgrade takes one of them away.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import Context
from typing import Any, TypeVar, cast
from uuid import UUID
from weakref import finalize

from prefect import Flow, State, Task
from prefect.context import FlowRunContext, SyncClientContext, hydrated_context, serialize_context
from prefect.events.worker import EventsWorker
from prefect.states import Completed
from prefect.task_engine import run_task_sync

HEARTBEAT_UNDER_WAY_SECONDS = 1.0

T = TypeVar("T")


def background_senders() -> list[Any]:
    """What sends this process's events and log lines to the API: all kinds of senders are in one table."""
    table: dict[int, Any] = EventsWorker._instances  # type: ignore[misc] # noqa: SLF001
    return list(table.values())


def unsent(senders: Sequence[Any]) -> int:
    """How many items wait to be sent."""
    return sum(sender._queue.qsize() for sender in senders)  # noqa: SLF001


def drop_unsent(senders: Sequence[Any]) -> None:
    """Send none of what waits; Prefect itself tries each item, however long the API is away."""
    for sender in senders:
        queue = sender._queue  # noqa: SLF001
        with queue.mutex:
            queue.queue.clear()
        queue.put_nowait(None)  # its sign to end


@contextmanager
def without_heartbeat() -> Iterator[None]:
    """No heartbeat from here on: after one that follows a suspension the server would wait for the next, in vain.

    Prefect's thread that sends them goes by the state that this process has of the run, and ends with a final one.
    Where the block ends in an exception, as a suspension does, it stays silent; Prefect sets the state then.
    """
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        yield
        return
    state, context.flow_run.state = context.flow_run.state, Completed()
    time.sleep(HEARTBEAT_UNDER_WAY_SECONDS)
    yield
    context.flow_run.state = state


def flow_run_context(stand_in: Flow[..., Any]) -> dict[str, Any]:
    """The context of this flow run as plain values, with another flow in the place of its own."""
    values = serialize_context()
    return {**values, "flow_run_context": {**values["flow_run_context"], "flow": stand_in}}


class HydratedContext:
    """A flow run's context, and one client for all task runs, in a process that has neither.

    Setting it up takes an eighth of a second, so it is kept: what is run in it may come one after another, by the
    thread that made it.

    Args:
        values: Made by ``flow_run_context``.

    Attributes:
        close: Ends its connections; called in the end by whoever forgets it, too.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        self._context = Context()
        self.close = finalize(self, self._context.run, self._context.run(_entered, values).close)

    def run(self, function: Callable[[], T]) -> T:
        """Call a function in it."""
        return self._context.run(function)


def _entered(values: dict[str, Any]) -> ExitStack:
    with ExitStack() as stack:
        stack.enter_context(hydrated_context(values))
        stack.enter_context(SyncClientContext.get_or_create())
        return stack.pop_all()


def run_task(function: Task[..., Any], task_run: UUID, arguments: dict[str, Any]) -> State[Any]:
    """Run a task under an id that is known before; its final state."""
    state = run_task_sync(function, task_run_id=task_run, parameters=arguments, return_type="state", dependencies={})
    return cast("State[Any]", state)
