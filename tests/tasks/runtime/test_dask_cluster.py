"""What ``dask_scheduler`` may be, and what is said where there is no such cluster."""

import socket
import sys

import dask
import pytest
from distributed import LocalCluster

from tasks.core.errors import UnusableArgument
from tasks.runtime.dask_cluster import dask_cluster
from tasks.runtime.worker_batches import Access


class Impossible(LocalCluster):
    """A cluster that cannot be created here."""

    def __init__(self) -> None:
        raise PermissionError("no quota")


def said(scheduler: str | None) -> str:
    """Why there is no such cluster."""
    with pytest.raises(UnusableArgument) as refused, dask_cluster(scheduler, Access()):
        pass
    return str(refused.value)


@pytest.mark.parametrize(
    ("scheduler", "words"),
    [
        ("localhost:8786", "neither an address, such as tcp://host:8786, nor a cluster's class"),
        ("nowhere.Cluster", "No module named 'nowhere'"),
        ("pathlib.Nothing", "has no attribute 'Nothing'"),
        ("pathlib.Path", "it is no class of Dask clusters"),
        (f"{__name__}.Impossible", "the cluster cannot be created (PermissionError: no quota). Dask's configuration"),
        ("odd://127.0.0.1:1", "no scheduler answers"),
    ],
)
def test_a_cluster_that_is_none_is_refused(scheduler: str, words: str) -> None:
    """With the parameter, its value, and what it may be."""
    found = said(scheduler)
    assert found.startswith(f"`dask_scheduler` {scheduler}: ")
    assert words in found


def test_an_address_where_nobody_answers_is_refused() -> None:
    """In the time that Dask's configuration gives a connection, not after a run's hours."""
    with socket.socket() as closed, dask.config.set({"distributed.comm.timeouts.connect": "0.3s"}):
        closed.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{closed.getsockname()[1]}"
        found = said(address)
    assert found.startswith(f"`dask_scheduler` {address}: no scheduler answers (")
    assert found.endswith("Start it, or correct the address")


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for Dask and has not installed it reads what to install."""
    monkeypatch.setitem(sys.modules, "prefect_dask.task_runners", None)  # as Python notes what cannot be imported
    assert said(None).endswith('needs the extra "dask": pip install "flood-extent[dask]"')
