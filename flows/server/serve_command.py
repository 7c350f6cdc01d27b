"""What ``flood-extent serve`` does, in order, and says to who started it."""

from contextlib import ExitStack, suppress
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from deployments.automations import FLOW, SWEEP_FLOW
from deployments.local import DEPLOYMENT, POOL, deploy_local
from flows.run.liveness import crash_dead_runs
from flows.server import serving
from flows.server.notices import receiver
from flows.sweep_endpoints import may_sweep


def serve_here(console: Console, port: int, *, aws_block: str | None, notify: str | None, database: str | None) -> None:
    """Serve on this machine until interrupted; repeating it leaves one of everything.

    Args:
        console: Of who started it.
        port: Of the server, on loopback.
        aws_block: Credentials to sweep with; None: the default chain.
        notify: Webhook that is told of failures and reviews; None: this terminal.
        database: Of PostgreSQL; None: the one that is set, or Prefect's SQLite file.

    Raises:
        UnusableArgument: The port is taken, or the database is none of PostgreSQL.
        ServerNotStarted: The server did not come up.
        NotDeployed: ``prefect deploy`` refused.
        ServingEnded: Server or worker ended by themselves.
    """

    def say(line: str) -> None:
        console.print(escape(line))

    with ExitStack() as stack:
        with console.status("starting the Prefect server"):
            server = stack.enter_context(serving.dashboard(port, database))
        sweeping = may_sweep(aws_block)
        with console.status("deploying"):
            deploy_local(Path.cwd(), notify or stack.enter_context(receiver(say)))
            serving.set_up_sweeping(sweeping=sweeping, aws_block=aws_block)
        dead = crash_dead_runs([FLOW, SWEEP_FLOW], POOL)
        if dead:
            serving.start_sweep()
        for name in dead:
            say(f"Crashed, for its process is gone: {name}")
        say(f"dashboard: {server.address}")
        say(f"log a browser in, once, within a quarter of an hour: {serving.log_in(server)}")
        say(f"start a run there, or in another terminal: {serving.for_another_terminal(server)}")
        say(f"then: prefect deployment run {DEPLOYMENT} -p dataset=DATASET")
        why = f"every {serving.SWEEP_MINUTES} minutes" if sweeping else "not, without extra aws, credentials, region"
        say(f"SageMaker endpoints of dead runs are swept: {why}")
        say(f"failures and reviews are told {'to the webhook' if notify else 'here'}; logs: {serving.log_folder()}")
        say("Ctrl-C ends the dashboard and the runs started from it")
        with suppress(KeyboardInterrupt):
            serving.serve_runs(server, say)
