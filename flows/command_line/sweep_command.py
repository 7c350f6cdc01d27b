"""``flood-extent sweep``: SageMaker endpoints whose run is over are deleted."""

import argparse
from contextlib import ExitStack

from flows.command_line.console import make_console
from flows.server.local_server import ServerNotStarted
from flows.server.prefect_import import import_prefect
from flows.server.running_server import ApiUnreachable, prefect_api
from tasks.core.errors import UnusableArgument
from tasks.services import temp_folders


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How far to go, and as whom."""
    parser.add_argument("--dry-run", action="store_true", help="say what would be deleted, and delete nothing")
    age = "age from which an endpoint goes that carries no cap of its own (default: 240)"
    parser.add_argument("--max-endpoint-minutes", metavar="MINUTES", type=float, default=240.0, help=age)
    parser.add_argument("--aws-block", metavar="NAME", help="prefect-aws AwsCredentials block to use")


def run(options: argparse.Namespace) -> int:
    """Sweep once; exit status 2 where something could not be deleted."""
    console, limit = make_console(), options.max_endpoint_minutes
    if not limit >= 0:  # nan too
        raise UnusableArgument(f"--max-endpoint-minutes: give a number of minutes from 0 on, not {limit:g}")
    console.out("looking for SageMaker endpoints whose run is over")
    import_prefect()
    from flows.sweep_endpoints import summary, sweep_once  # noqa: PLC0415 - Prefect takes seconds

    temp_folders.sweep()
    with ExitStack() as stack:
        try:
            server = stack.enter_context(prefect_api(console.out))
            if server is not None:
                server.wait_until_up()
        except (ApiUnreachable, ServerNotStarted) as error:
            console.out(f"leases and age alone decide, for {error}")
        results = sweep_once(dry_run=options.dry_run, max_minutes=limit, aws_block=options.aws_block)
    for result in results:
        console.out(result)
    console.out(summary(results, dry_run=options.dry_run))
    return 2 if any(result.left for result in results) else 0
