"""Whether the process of a run still exists, as the machine that it ran on can tell.

A run says at its start where it runs, in labels on the Prefect server. When ``serve`` starts again, it may then call a
run of its own machine Crashed whose process is gone: killed, or lost with the power, while no server was there to miss
its heartbeat.
"""

from collections.abc import Iterator, Mapping

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowFilter, FlowRunFilter
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Crashed

from deployments.worker import run_of
from tasks.services import process_identity

HOST, BOOT, PROCESS = "flood-extent.host", "flood-extent.boot", "flood-extent.process"
# In which a run has a process, or should have.
ACTIVE = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
PAGE = 200


def this_process() -> dict[str, str]:
    """Labels by which this process can be told from all others, also after a restart of the machine."""
    pid, started = process_identity.this()
    return {HOST: process_identity.host(), BOOT: process_identity.boot(), PROCESS: f"{pid}:{started}"}


def is_gone(labels: Mapping[str, object]) -> bool:
    """Whether the process that the labels describe was on this machine and is there no more; unknown is no."""
    if labels.get(HOST) != process_identity.host() or PROCESS not in labels:
        return False
    pid, _, started = str(labels[PROCESS]).partition(":")
    return labels.get(BOOT) != process_identity.boot() or process_identity.start_time(int(pid)) != started


def executed_here() -> frozenset[str]:
    """Ids of the flow runs that some process on this machine executes for a worker."""
    return frozenset(run for place in process_identity.PROC.glob("[0-9]*") if (run := run_of(place)))


def crash_dead_runs(flow_names: list[str], pool: str) -> list[str]:
    """Call the runs Crashed whose process was on this machine and is gone; their names.

    Args:
        flow_names: Flows whose runs are looked at.
        pool: Work pool whose workers are on this machine: of its runs, those that said nothing yet are gone, too, if
            no process executes them.
    """
    with get_client(sync_client=True) as client:
        active = list(_active(client, flow_names))
        alive = executed_here()  # after them: a process that has started meanwhile counts
        dead = [run for run in active if _is_dead(run, pool, alive)]
        for run in dead:
            text = "its process was gone when flood-extent serve started. What was computed is kept: run it again"
            client.set_flow_run_state(run.id, Crashed(message=text), force=True)
    return [run.name for run in dead]


def _is_dead(run: FlowRun, pool: str, alive: frozenset[str]) -> bool:
    if str(run.id) in alive:
        return False
    if PROCESS in run.labels:
        return is_gone(run.labels)
    return run.work_pool_name == pool


def _active(client: SyncPrefectClient, flow_names: list[str]) -> Iterator[FlowRun]:
    flows = FlowFilter.model_validate({"name": {"any_": flow_names}})
    runs = FlowRunFilter.model_validate({"state": {"type": {"any_": ACTIVE}}})
    offset = 0
    while page := client.read_flow_runs(flow_filter=flows, flow_run_filter=runs, limit=PAGE, offset=offset):
        yield from page
        offset += PAGE
