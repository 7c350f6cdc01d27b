"""``flood-extent plan DATASET``: what a run would do; nothing is created."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from flows.command_line.console import make_console
from flows.command_line.options import add_options, parameters_of
from flows.command_line.terminal import show_plan
from flows.parameters import RunParameters
from flows.server.prefect_import import import_prefect
from flows.server.running_server import api_at_hand
from tasks.core.errors import UnusableArgument

LEFT_OUT = frozenset({"dry_run", "review", "review_hours"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The dataset, and the options of a run that a plan goes by."""
    add_options(parser, leave_out=LEFT_OUT)


def run(options: argparse.Namespace) -> int:
    """Show the plan; exit status 0 where a run is possible."""
    return show_planned(parameters_of(options))


def show_planned(parameters: RunParameters) -> int:
    """Make the plan of a run, and show it."""
    console = make_console()
    console.out(f"looking at {parameters.dataset}, without changing anything")
    import_prefect()
    with _server_at_hand(parameters):
        from flows.run.dry_run import plan_run  # noqa: PLC0415 - Prefect takes seconds

        planned = plan_run(parameters, parameters.model_fields_set)
    show_plan(console, planned)
    return 0 if planned.possible else 1


@contextmanager
def _server_at_hand(parameters: RunParameters) -> Iterator[None]:
    """The Prefect API that has the credentials' block, and the limit of endpoints; none is started for a plan.

    Raises:
        UnusableArgument: No API is set, and none answers here.
    """
    if parameters.aws_block is None and not parameters.endpoint_spec().is_billed:
        yield
        return
    with api_at_hand() as is_there:
        if parameters.aws_block is not None and not is_there:
            raise UnusableArgument(
                f"`aws_block` {parameters.aws_block}: only a Prefect server knows it, and a plan starts none. Start "
                "`flood-extent serve`, set PREFECT_API_URL, or leave it out and use AWS's own settings"
            )
        yield
