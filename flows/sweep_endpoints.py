"""The sweep-endpoints flow: deletes SageMaker endpoints of runs that are over, however those runs ended.

It belongs on a schedule, every quarter of an hour, beside the deployments of the flood-extent flow. Run it here with
``flood-extent sweep``. Its rules are those of ``tasks.services.endpoints.teardown.sweeping``; the Prefect server at
hand is asked which runs have ended.
"""

import importlib.util
from typing import TYPE_CHECKING, Any

from prefect import State, flow
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from flows.parameter_types import Minutes, Text
from flows.run.ownership import has_ended
from tasks.core.errors import UnusableArgument
from tasks.core.states import NOT_SWEPT
from tasks.runtime.aws_credentials import aws_access

if TYPE_CHECKING:  # it needs the extra "aws"
    from tasks.services.endpoints.teardown.sweeping import SweepResult


@flow(name="sweep-endpoints", persist_result=False)
def sweep_endpoints(
    dry_run: bool = False,
    max_endpoint_minutes: Minutes = 240,
    aws_block: Text | None = None,
    only_if_possible: bool = False,
) -> State[Any]:
    """Delete endpoints, configurations and models of ours that no run needs any more.

    A lease that lapsed, an age past the cap, or the word of the server that owns the run: nothing else is a reason.

    Args:
        dry_run: Say what would be deleted, and delete nothing.
        max_endpoint_minutes: Age from which an endpoint goes that carries no cap of its own.
        aws_block: Name of a prefect-aws AwsCredentials block; without one, AWS's default chain is used.
        only_if_possible: Where AWS was never set up (no extra, credentials or region) there is nothing to sweep.
    """
    if only_if_possible and not may_sweep(aws_block):
        return Completed(message="nothing to sweep: no AWS credentials and region are set up here")
    results = sweep_once(dry_run=dry_run, max_minutes=max_endpoint_minutes, aws_block=aws_block)
    for result in results:
        get_run_logger().log(40 if result.failed else 20, "%s", result)
    message = summary(results, dry_run=dry_run)
    failed = [str(step) for result in results for step in result.failed]
    if failed:
        return Failed(name=NOT_SWEPT, message=f"{message}; {'; '.join(failed)}")
    return Completed(message=message)


def may_sweep(aws_block: str | None) -> bool:
    """Whether credentials and region are there: without, a sweep every quarter of an hour only fails."""
    if importlib.util.find_spec("sagemaker") is None:
        return False
    import boto3  # noqa: PLC0415 - in the extra "aws"
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415

    with aws_access(aws_block, None):
        try:
            session = boto3.Session()
            return session.region_name is not None and session.get_credentials() is not None
        except BotoCoreError:  # a profile that is named and not there
            return False


def sweep_once(*, dry_run: bool, max_minutes: float, aws_block: str | None) -> "list[SweepResult]":
    """Sweep, asking the Prefect server at hand, and AWS with the given credentials.

    Raises:
        UnusableArgument: The extra ``aws`` is not installed, or the block cannot be used.
        EndpointRefused: AWS refuses to list what there is.
        EndpointUnavailable: AWS does not answer just now.
    """
    try:
        from tasks.services.endpoints.sagemaker.aws_errors import translated  # noqa: PLC0415 - in the extra "aws"
        from tasks.services.endpoints.teardown import scalable_targets, sweeping, teardown  # noqa: PLC0415
    except ImportError as error:
        raise UnusableArgument('sweeping needs the extra "aws": pip install "flood-extent[aws]"') from error
    with aws_access(aws_block, None), translated("sweep of endpoints"):
        client, targets = teardown.make_client(), teardown.make_client(service=scalable_targets.SERVICE)
        return sweeping.sweep(client, has_ended=has_ended, max_minutes=max_minutes, dry_run=dry_run, scaling=targets)


def summary(results: "list[SweepResult]", *, dry_run: bool) -> str:
    """What a sweep did, in one line."""
    due = [result for result in results if result.reason]
    left = sum(bool(result.left) for result in due)
    done = (
        f"{len(due)} to delete" if dry_run else f"deletion of {len(due) - left} accepted, {left} left to the next sweep"
    )
    return f"{done}, {len(results) - len(due)} kept"
