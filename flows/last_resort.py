"""What a run from the command line does about its SageMaker endpoint when everything else has been tried.

AWS refuses to delete an endpoint that is still being created, and a run that is interrupted just then cannot wait. The
command can: it goes on asking until the endpoint is gone, unless it is interrupted, too.
"""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from flows.parameters import RunParameters
from flows.terminal import Watcher
from tasks.aws_access import aws_access
from tasks.services.endpoint_kinds import SAGEMAKER

SECONDS_A_MINUTE = 60
FIRST_SECONDS = 5.0


@contextmanager
def endpoint_gone_at_the_end(parameters: RunParameters, watcher: Watcher) -> Iterator[None]:
    """When the block ends, however it does: see that the run has left nothing in SageMaker."""
    try:
        yield
    finally:
        run = watcher.flow_run_id
        if parameters.endpoint == SAGEMAKER and run is not None and not _known_to_be_gone(watcher):
            with aws_access(parameters.aws_block, None):
                delete_patiently(run, parameters.deploy_minutes * SECONDS_A_MINUTE, watcher)


def _known_to_be_gone(watcher: Watcher) -> bool:
    endpoint = (watcher.record or {}).get("endpoint") or {}
    return bool(watcher.record) and (endpoint.get("name") is None or "gone" in endpoint)


def delete_patiently(run: UUID, seconds: float, watcher: Watcher) -> None:
    """Delete what the run has left, for as long as AWS may refuse to, saying so."""
    teardown = importlib.import_module("tasks.services.teardown")
    client = teardown.make_client()
    left = _left(teardown, teardown.delete_run(client, run, seconds=FIRST_SECONDS))
    if not left:
        return
    say = watcher.console.print
    say("\n".join(left), soft_wrap=True)
    say(f"trying again for {seconds / SECONDS_A_MINUTE:.0f} minutes at most; Ctrl-C leaves it to flood-extent sweep")
    left = _left(teardown, teardown.delete_run(client, run, seconds=seconds))
    say("\n".join(left) or "deleted", soft_wrap=True)


def _left(teardown: Any, steps: list[Any]) -> list[str]:
    return [str(step) for step in steps if step.outcome not in teardown.ACCEPTED]
