"""Tile tasks on a Dask cluster, in batches whose own cost is small beside the work.

The scheduler is spoken to by a client; where it comes from is in ``dask_cluster``.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from statistics import median
from threading import Lock
from typing import Any
from uuid import UUID, uuid4

import httpx
from prefect import State, Task
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_run_logger
from prefect.states import Crashed

from tasks.core.errors import FloodExtentError
from tasks.runtime.policies import unquoted
from tasks.runtime.progress import warn
from tasks.runtime.runners import TileFuture
from tasks.runtime.worker_batches import Access, Batch, FlowRunValues, run_tiles

# Of the time that tiles take, what a batch may cost beside them.
COST_SHARE = 0.05
# What a batch costs on its way besides what its worker measures, seconds (measured on loopback).
WAY_SECONDS = 0.02
MOST_TILES = 32
# Batches whose medians say how large the next should be.
LAST = 5
# Batches a worker's thread, so that it need not wait for the next.
AHEAD = 2
# After which the API has recorded what a worker sent before it died; what came later would win over what it is told.
RECORDED_SECONDS = 5.0
# Between two looks at how many workers there are: a cluster may grow.
LOOK_SECONDS = 10.0
DIED = (
    "its Dask worker died, and so did others: too little memory, perhaps, or the image crashes it. Their logs say more"
)
OTHER_VERSION = "Dask workers need the versions of flood-extent, Python and Dask that the flow has: its own image"
NO_WORKER = "the Dask cluster has no worker: tiles wait for one"

Arguments = dict[str, Any]


class _Future:
    """A tile's task in a batch."""

    def __init__(self) -> None:
        self.id, self._ended = uuid4(), Future[State[Any]]()

    @property
    def state(self) -> State[Any]:
        return self._ended.result()

    def wait(self) -> None:
        self._ended.result()

    def add_done_callback(self, fn: Callable[[Any], None]) -> None:
        self._ended.add_done_callback(lambda _: fn(self))

    def end(self, state: State[Any]) -> None:
        self._ended.set_result(state)


@dataclass(frozen=True, slots=True)
class _Kind:
    """Tiles that go together: of one task, and for which it takes about as long."""

    task: str
    is_cached: bool


_Tiles = Sequence[tuple[_Future, Arguments]]


class BatchSize:
    """How many tiles of a kind go together: as few as keep a batch's own cost below its share.

    One batch says little, for a worker may be at its first or the machine be busy. So the last few count, and the size
    at most doubles from one to the next.
    """

    def __init__(self) -> None:
        self.tiles = 1
        self._costs, self._works = deque[float](maxlen=LAST), deque[float](maxlen=LAST)

    def learn(self, tiles: int, batch: Batch) -> None:
        """From a batch that has ended."""
        self._costs.append(batch.seconds - batch.task_seconds + WAY_SECONDS)
        self._works.append(max(batch.task_seconds / tiles, 1e-4))
        needed = math.ceil(median(self._costs) / (COST_SHARE * median(self._works)))
        self.tiles = max(1, min(MOST_TILES, 2 * self.tiles, needed))


class _Sum:
    """What all batches of a run have cost their workers."""

    def __init__(self) -> None:
        self.batches, self._tasks, self._own_seconds, self._task_seconds = 0, 0, 0.0, 0.0

    def add(self, tiles: int, batch: Batch) -> None:
        """Called by one thread, the client's."""
        self.batches += 1
        self._tasks += tiles
        self._own_seconds += batch.seconds - batch.task_seconds
        self._task_seconds += batch.task_seconds

    def __str__(self) -> str:
        share = self._own_seconds / max(self._task_seconds, 1e-9)
        return (
            f"Dask: {self._tasks:,} tasks in {self.batches:,} batches, which add {share:.1%} to the time of the tasks"
        )


class DaskCluster:
    """Runs tile tasks on a cluster's workers; see ``TileRunner``.

    Args:
        client: Of the cluster.
        access: Handed to the workers.
    """

    def __init__(self, client: Any, access: Access) -> None:
        self._client, self._access, self._flow_run = client, access, FlowRunValues.here()
        self._waiting: dict[_Kind, list[tuple[_Future, Arguments]]] = {}
        self._sizes: dict[_Kind, BatchSize] = {}
        self._workers: int | None = None
        self._looked = -math.inf
        # Batches on their way; a thread of the client's counts down.
        self._sent, self._lock, self._is_closed = 0, Lock(), False
        self._done = _Sum()
        # Task runs whose worker did not live to say what became of them, and when that was.
        self._crashed = deque[tuple[UUID, float]]()

    @property
    def places(self) -> int:
        """What keeps every thread of every worker busy."""
        tiles = max((size.tiles for size in self._sizes.values()), default=1)
        return self._threads * AHEAD * tiles

    @property
    def _threads(self) -> int:
        if time.monotonic() - self._looked > LOOK_SECONDS:
            before, self._workers = self._workers, self._count()
            self._looked = time.monotonic()
            if not self._workers and before != 0:
                warn(NO_WORKER)
        return max(1, self._workers or 0)

    def _count(self) -> int:
        try:
            return sum(self._client.nthreads().values())
        except Exception:  # noqa: BLE001 - whatever a lost scheduler comes as: what is sent to it says so
            return self._workers or 0

    def submit(self, task: Task[..., Any], arguments: Arguments) -> TileFuture:
        """Take it for the next batch of its kind."""
        given = {key: unquoted(value) for key, value in arguments.items()}
        is_cached = bool(given["job"].get("cached"))
        kind = _Kind(f"{task.fn.__module__}:{task.fn.__qualname__}", is_cached)
        future, waiting = _Future(), self._waiting.setdefault(kind, [])
        waiting.append((future, given))
        if len(waiting) >= self._sizes.setdefault(kind, BatchSize()).tiles:
            self._send_waiting(kind)
        return future

    def flush(self) -> None:
        """Send what waits, though no batch is full, where a worker would be idle: else more may come meanwhile."""
        self._tell_crashed(time.monotonic() - RECORDED_SECONDS)
        for kind in [kind for kind, waiting in self._waiting.items() if waiting]:
            if self._sent < self._threads:
                self._send_waiting(kind)

    def close(self) -> None:
        """Send nothing any more: the run is over, or breaks off. The log has what the batches have cost."""
        self._is_closed = True
        if self._crashed:
            time.sleep(RECORDED_SECONDS)
            self._tell_crashed(time.monotonic())
        if self._done.batches:
            get_run_logger().info("%s", self.cost)

    @property
    def cost(self) -> str:
        """What the batches that have ended took besides their tasks, in words."""
        return str(self._done)

    def _send_waiting(self, kind: _Kind) -> None:
        tiles, self._waiting[kind] = self._waiting[kind], []
        self._send(kind, tiles)

    def _send(self, kind: _Kind, tiles: _Tiles, *, again: bool = False) -> None:
        given = [(future.id, arguments) for future, arguments in tiles]
        try:
            # Not pure: the same arguments are another task run. It finds files of the first, where there are some.
            sent = self._client.submit(run_tiles, kind.task, given, self._flow_run, self._access, pure=False)
        except Exception as error:  # noqa: BLE001 - a client that is closed, and nobody may wait for ever
            _give_up(tiles, error)
            return
        with self._lock:
            self._sent += 1
        sent.add_done_callback(lambda ended: self._take(kind, tiles, ended, again=again))

    def _take(self, kind: _Kind, tiles: _Tiles, ended: Any, *, again: bool) -> None:
        """Hand the states on; called by a thread of the client's."""
        with self._lock:
            self._sent -= 1
        try:
            batch: Batch = ended.result()
        except BaseException as error:  # noqa: BLE001 - whatever it is, nobody may wait for ever
            self._lose(kind, tiles, error, again=again)
            return
        finally:
            ended.release()  # else the workers keep it
        self._sizes[kind].learn(len(tiles), batch)
        self._done.add(len(tiles), batch)
        for (future, _), state in zip(tiles, batch.states, strict=True):
            future.end(state)

    def _lose(self, kind: _Kind, tiles: _Tiles, error: BaseException, *, again: bool) -> None:
        """A batch that no worker survives is tried tile by tile: the one that is at fault costs itself alone.

        Where the scheduler was lost, it may be there again, and the batch is sent once more.
        """
        if self._is_closed:
            _give_up(tiles, error)
        elif _is_killed(error) and len(tiles) > 1:
            for tile in tiles:
                self._send(kind, [tile], again=again)
        elif _is_cut_off(error) and not again:
            self._send(kind, tiles, again=True)
        else:
            if _is_killed(error):
                self._crashed.extend((future.id, time.monotonic()) for future, _ in tiles)
            _give_up(tiles, error)

    def _tell_crashed(self, until: float) -> None:
        """The API has them as running, where it knows them: of those that crashed until then."""
        while self._crashed and self._crashed[0][1] <= until:
            task_run, _ = self._crashed.popleft()
            with suppress(ObjectNotFound, httpx.HTTPError), get_client(sync_client=True) as client:
                client.set_task_run_state(task_run, Crashed(message=DIED), force=True)


# Both by name: whoever does not use Dask need not have it.
def _is_killed(error: BaseException) -> bool:
    return type(error).__name__ == "KilledWorker"


def _is_cut_off(error: BaseException) -> bool:
    """Whether the client has lost the scheduler: it then cancels all that it waits for, and connects again."""
    return type(error).__name__ == "FutureCancelledError"


def _give_up(tiles: _Tiles, error: BaseException) -> None:
    message = _message(error)
    for future, _ in tiles:
        state: State[Any] = Crashed(message=message)
        state.state_details.task_run_id = future.id
        future.end(state)


def _message(error: BaseException) -> str:
    if _is_killed(error):
        return DIED
    if isinstance(error, FloodExtentError):
        return str(error)
    remedy = f". {OTHER_VERSION}" if isinstance(error, ImportError | AttributeError) else ""
    return f"Dask: {type(error).__name__}: {error}{remedy}"
