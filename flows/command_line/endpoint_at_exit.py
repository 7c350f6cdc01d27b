"""What a run from the command line does about its SageMaker endpoint when everything else has been tried.

AWS refuses to delete an endpoint that is still being created, and a run that is interrupted just then cannot wait. The
command can: it goes on asking until the deletion is accepted, unless it is interrupted, too.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

from flows.command_line.terminal import TerminalWatcher
from flows.parameters import RunParameters

FIRST_MINUTES = 1 / 12
# AWS gives an endpoint up that does not come up within the hour; then it can be deleted.
PATIENT_MINUTES = 75


@contextmanager
def endpoint_gone_at_the_end(parameters: RunParameters, watcher: TerminalWatcher) -> Iterator[None]:
    """When the block ends, however it does: see that the run has left nothing in SageMaker."""
    try:
        yield
    finally:
        run, record = watcher.flow_run_id, watcher.record or {}
        endpoint = record.get("endpoint") or {}
        is_gone = record and (endpoint.get("name") is None or "gone" in endpoint)
        if parameters.endpoint_spec().is_billed and run is not None and not is_gone:
            spec = parameters.endpoint_spec()
            delete_patiently(run, watcher.console.out, batch=spec.is_batch, scaled=spec.is_scaled)


def delete_patiently(run: UUID, report: Callable[[str], None], *, batch: bool = False, scaled: bool = False) -> None:
    """Delete what the run has left, for as long as AWS may refuse to, saying so.

    What AWS cannot delete yet is worth waiting for; what it denies or does not answer is left to the sweep.
    """
    from tasks.services.endpoints.teardown import sagemaker_resources, scalable_targets, teardown  # noqa: PLC0415 - in the extra "aws"

    client = teardown.make_client()
    targets = teardown.make_client(service=scalable_targets.SERVICE) if scaled else None
    kinds = sagemaker_resources.BATCH_KINDS if batch else sagemaker_resources.KINDS

    def left_after(minutes: float) -> list[teardown.Step]:
        steps = teardown.delete_run(client, run, seconds=minutes * 60, kinds=kinds, scaling=targets)
        return [step for step in steps if step.outcome not in teardown.ACCEPTED]

    left = left_after(FIRST_MINUTES)
    if any(step.outcome is teardown.Outcome.WAITING for step in left):
        report("\n".join(map(str, left)))
        report(f"trying again for {PATIENT_MINUTES} minutes at most; Ctrl-C leaves it to flood-extent sweep")
        left = left_after(PATIENT_MINUTES)
        if not left:
            report("deletion accepted")
    if left:
        report("\n".join(map(str, left)))
        report("this is left in SageMaker: remove what stands against it, then: flood-extent sweep")
