"""``flood-extent serve``: the dashboard on this machine, and the runs that are started from it, until interrupted."""

import argparse
from contextlib import ExitStack, suppress
from pathlib import Path

from flows.command_line.console import make_console
from flows.server.prefect_import import import_prefect
from flows.server.running_server import SERVE_PORT
from flows.server.server_proof import log_in_link
from tasks.services import temp_folders


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where it is, what it works with, and whom it tells."""
    parser.description = (
        "A Prefect server with its dashboard on loopback, a worker, the deployments and automations, until Ctrl-C. "
        "It has a password, which PREFECT_HOME/flood-extent-serve keeps for you alone: a link that is printed logs a "
        "browser in, and two variables that are printed let Prefect's commands in another terminal use it. Runs and "
        "events older than 30 days go from its database."
    )
    parser.add_argument("--port", type=int, default=SERVE_PORT, help=f"on loopback (default: {SERVE_PORT})")
    parser.add_argument("--aws-block", metavar="NAME", help="prefect-aws AwsCredentials block to sweep with")
    about = "postgresql://USER@HOST:PORT/DATABASE, for many tiles or several people (default: SQLite in PREFECT_HOME)"
    parser.add_argument("--database", metavar="URL", help=about)
    about = 'who is told of failures and reviews: a URL that takes a POST of {"text": ...} (default: this terminal)'
    parser.add_argument("--notify", metavar="URL", help=about)


def run(options: argparse.Namespace) -> int:
    """Serve; repeating it leaves one of everything.

    Raises:
        UnusableArgument: The port is taken, or the database is none of PostgreSQL.
        ServerNotStarted: The server did not come up.
        NotDeployed: ``prefect deploy`` refused.
        ServingEnded: Server or worker ended by themselves.
    """
    console = make_console()
    console.out("starting a Prefect server, its dashboard and a worker")
    import_prefect()
    from deployments.automations import FLOW, SCORE_FLOW, SWEEP_FLOW  # noqa: PLC0415 - Prefect takes seconds
    from deployments.local import DEPLOYMENT, POOL, deploy_local  # noqa: PLC0415
    from flows.run.liveness import crash_dead_runs  # noqa: PLC0415
    from flows.server import serve_files, serving  # noqa: PLC0415
    from flows.server.notices import receiver  # noqa: PLC0415
    from flows.sweep_endpoints import may_sweep  # noqa: PLC0415

    temp_folders.sweep()
    notify, aws_block, report = options.notify, options.aws_block, console.out
    with ExitStack() as stack:
        with console.status("starting the Prefect server"):
            server = stack.enter_context(serving.dashboard(options.port, options.database))
        sweeping = may_sweep(aws_block)
        with console.status("deploying"):
            deploy_local(Path.cwd(), notify or stack.enter_context(receiver(report)))
            serving.set_up_sweeping(sweeping=sweeping, aws_block=aws_block)
        dead = crash_dead_runs([FLOW, SWEEP_FLOW, SCORE_FLOW], POOL)
        if dead:
            serving.start_sweep()
        for name in dead:
            report(f"Crashed, for its process is gone: {name}")
        report(f"dashboard: {server.address}")
        link = log_in_link(server.address, server.access.auth_string)
        report(f"log a browser in, once, within a quarter of an hour: {link}")
        report(f"start a run there, or in another terminal: {serving.for_another_terminal(server)}")
        report(f"then: prefect deployment run {DEPLOYMENT} -p dataset=DATASET")
        why = f"every {serving.SWEEP_MINUTES} minutes" if sweeping else "not, without extra aws, credentials, region"
        report(f"SageMaker endpoints of dead runs are swept: {why}")
        report(f"failures and reviews are told {'to the webhook' if notify else 'here'}; logs: {serve_files.folder()}")
        report("Ctrl-C ends the dashboard and the runs started from it")
        with suppress(KeyboardInterrupt):
            serving.serve_runs(server, report)
    return 0
