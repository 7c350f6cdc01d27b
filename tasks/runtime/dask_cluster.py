"""The Dask cluster of a run: one that is there, or one that is made for it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tasks.core.errors import UnusableArgument
from tasks.runtime.dask_batches import DaskCluster
from tasks.runtime.worker_batches import Access


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
        cluster = DaskCluster(_client(runner, scheduler), access)
        try:
            yield cluster
        finally:
            cluster.close()


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
    except Exception as error:
        what = f"`dask_scheduler` {scheduler or 'none given, so processes of this machine'}"
        if scheduler and "://" in scheduler:
            remedy = f"no scheduler answers ({error}). Start it, or correct the address"
        else:
            reason = f"{type(error).__name__}: {error}"
            remedy = f"the cluster cannot be created ({reason}). Dask's configuration says how it is to be"
        raise UnusableArgument(f"{what}: {remedy}") from error
