"""Tile tasks on a Dask cluster, in batches whose own cost is small beside the work."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from prefect import State, Task
from prefect.states import Crashed

from tasks.core.errors import UnusableArgument
from tasks.runtime.policies import unquoted
from tasks.runtime.runners import TileFuture
from tasks.runtime.worker_batches import Access, Batch, context, run_tiles

# Of the time that tiles take, what a batch may cost beside them.
COST_SHARE = 0.05
# What a batch costs on its way besides what its worker measures, seconds (measured on loopback).
WAY_SECONDS = 0.02
MOST_TILES = 32
# Batches a worker's thread, so that it need not wait for the next.
AHEAD = 2
# Between two looks at how many workers there are: a cluster may grow.
LOOK_SECONDS = 10.0
DIED = (
    "its Dask worker died, and so did others: too little memory, perhaps, or the image crashes it. Their logs say more"
)

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


class BatchSize:
    """How many tiles of a stage go together: as few as keep a batch's own cost below its share."""

    def __init__(self) -> None:
        self.tiles = 1

    def learn(self, tiles: int, batch: Batch) -> None:
        """From a batch that has ended."""
        cost = batch.seconds - batch.task_seconds + WAY_SECONDS
        work = max(batch.task_seconds / tiles, 1e-4)
        self.tiles = min(MOST_TILES, max(1, math.ceil(cost / (COST_SHARE * work))))


class DaskCluster:
    """Runs tile tasks on a cluster's workers; see ``TileRunner``.

    Args:
        client: Of the cluster.
        access: Handed to the workers.
    """

    def __init__(self, client: Any, access: Access) -> None:
        self._client, self._access, self._context = client, access, context()
        self._waiting: dict[str, list[tuple[_Future, Arguments]]] = {}
        self._sizes: dict[str, BatchSize] = {}
        self._threads, self._looked = 1, -math.inf

    @property
    def places(self) -> int:
        """What keeps every thread of every worker busy."""
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self._threads, self._looked = max(1, sum(self._client.nthreads().values())), time.monotonic()
        tiles = max((size.tiles for size in self._sizes.values()), default=1)
        return self._threads * AHEAD * tiles

    def submit(self, task: Task[..., Any], arguments: Arguments) -> TileFuture:
        """Take it for the next batch of its stage."""
        name = f"{task.fn.__module__}:{task.fn.__qualname__}"
        future, waiting = _Future(), self._waiting.setdefault(name, [])
        waiting.append((future, {key: unquoted(value) for key, value in arguments.items()}))
        if len(waiting) >= self._sizes.setdefault(name, BatchSize()).tiles:
            self._send(name)
        return future

    def flush(self) -> None:
        """Send what waits, though the batch is not full."""
        for name in [name for name, waiting in self._waiting.items() if waiting]:
            self._send(name)

    def _send(self, name: str) -> None:
        tiles, self._waiting[name] = self._waiting[name], []
        given = [(future.id, arguments) for future, arguments in tiles]
        # Not pure: the same arguments are another task run. Whoever does them again finds files in the work directory.
        sent = self._client.submit(run_tiles, name, given, self._context, self._access, pure=False)
        sent.add_done_callback(lambda ended: self._take(name, tiles, ended))

    def _take(self, name: str, tiles: list[tuple[_Future, Arguments]], ended: Any) -> None:
        """Hand the states on; called by a thread of the client's."""
        try:
            batch: Batch = ended.result()
        except BaseException as error:  # noqa: BLE001 - whatever it is, nobody may wait for ever
            self._lose(name, tiles, error)
            return
        self._sizes[name].learn(len(tiles), batch)
        for (future, _), state in zip(tiles, batch.states, strict=True):
            future.end(state)

    def _lose(self, name: str, tiles: list[tuple[_Future, Arguments]], error: BaseException) -> None:
        """A batch that no worker survives is tried tile by tile: the one that is at fault costs itself alone."""
        died = type(error).__name__ == "KilledWorker"
        if died and len(tiles) > 1:
            for tile in tiles:
                sent = self._client.submit(
                    run_tiles, name, [(tile[0].id, tile[1])], self._context, self._access, pure=False
                )
                sent.add_done_callback(lambda ended, tile=tile: self._take(name, [tile], ended))
            return
        message = DIED if died else f"Dask: {type(error).__name__}: {error}"
        for future, _ in tiles:
            state: State[Any] = Crashed(message=message)
            state.state_details.task_run_id = future.id
            future.end(state)


@contextmanager
def dask_cluster(scheduler: str | None, access: Access) -> Iterator[DaskCluster]:
    """A cluster, until the block ends.

    Args:
        scheduler: Address of one that is there, ``tcp://host:8786``; or the name of a cluster's class, such as
            ``dask_cloudprovider.aws.FargateCluster``, which is created and ended here and configured by Dask's own
            configuration; None: processes of this machine, one a processor.
        access: To AWS, for the workers.

    Raises:
        UnusableArgument: The extra is not installed, or there is no such cluster.
    """
    try:
        from prefect_dask.task_runners import DaskTaskRunner  # noqa: PLC0415 - in the extra "dask"
    except ImportError as error:
        raise UnusableArgument('`task_runner` dask needs the extra "dask": pip install "flood-extent[dask]"') from error
    runner = DaskTaskRunner(**_settings(scheduler))
    with runner:
        yield DaskCluster(_client(runner, scheduler), access)


def _settings(scheduler: str | None) -> Mapping[str, Any]:
    if scheduler is None:
        processes = {"threads_per_worker": 1, "dashboard_address": None, "host": "127.0.0.1"}
        return {"cluster_kwargs": processes}
    if "://" in scheduler:
        return {"address": scheduler}
    return {"cluster_class": _cluster_class(scheduler)}


def _cluster_class(name: str) -> type:
    from distributed.deploy.cluster import Cluster  # noqa: PLC0415 - as above
    from prefect.utilities.importtools import from_qualified_name  # noqa: PLC0415

    try:
        found = from_qualified_name(name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UnusableArgument(
            f"`dask_scheduler` {name}: neither an address, such as tcp://host:8786, nor a cluster's class that can be "
            f"imported ({error})"
        ) from error
    if not (isinstance(found, type) and issubclass(found, Cluster)):
        raise UnusableArgument(f"`dask_scheduler` {name}: it is no class of Dask clusters")
    return found


def _client(runner: Any, scheduler: str | None) -> Any:
    try:
        return runner.client
    except OSError as error:
        raise UnusableArgument(
            f"`dask_scheduler` {scheduler}: no scheduler answers ({error}). Start it, or correct the address"
        ) from error
