"""``flood-extent run DATASET``: the flow, run here, and what became of it."""

import argparse
import logging
from contextlib import ExitStack
from typing import Any

import httpx
from rich.console import Console

from flows.command_line.console import make_console
from flows.command_line.endpoint_at_exit import endpoint_gone_at_the_end
from flows.command_line.options import add_options, parameters_of
from flows.command_line.plan_command import show_planned
from flows.command_line.terminal import TerminalWatcher, show_product
from flows.parameters import RunParameters
from flows.server.local_server import Server
from flows.server.prefect_import import import_prefect
from flows.server.running_server import ApiUnreachable, prefect_api
from flows.server.server_faults import NO_MEMORY, ran_out_of_memory
from tasks.core.errors import FloodExtentError
from tasks.services.bulk_imports import bulk_imports

DONE, SOME_FAILED = 0, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The dataset, and an option for every other parameter."""
    add_options(parser)


def run(options: argparse.Namespace) -> int:
    """Run the flow on a dataset and show what became of it; with ``--dry-run``, do as ``plan``."""
    parameters = parameters_of(options)
    return show_planned(parameters) if parameters.dry_run else run_flow(parameters, make_console())


def run_flow(parameters: RunParameters, console: Console) -> int:
    """Run the flow here, with a Prefect server of its own where there is none; the exit status."""
    console.out(f"checking {parameters.dataset} and the settings")  # imports take seconds
    import_prefect()
    with bulk_imports():
        from flows.preflight import check  # noqa: PLC0415 - imports what a wrong argument should not wait for
        from flows.run.completion import completed_parameters  # noqa: PLC0415
        from flows.run.review_form import check_reviewable  # noqa: PLC0415
        from flows.server.unsent_events import send_or_drop  # noqa: PLC0415
        from tasks.runtime.aws_credentials import aws_access  # noqa: PLC0415

    if parameters.aws_block is None:  # else the flow checks: who may ask AWS is known to the server alone
        with aws_access(None, parameters.kms_key, requester_pays=parameters.requester_pays):
            check_reviewable(parameters)
            parameters, earlier = completed_parameters(parameters, parameters.model_fields_set)
            check(parameters, None if earlier is None else earlier.model_identity)
    watcher = TerminalWatcher(console)
    with ExitStack() as stack:
        server = stack.enter_context(prefect_api(console.out))
        if server is not None:
            console.out("starting a Prefect server for this run")
        with bulk_imports():
            import flows.flood_extent  # noqa: F401, PLC0415 - while the server starts

        if server is not None:
            server.wait_until_up()
        # Held until the endpoint is gone: the server with the credentials' block may be away by then.
        access = aws_access(parameters.aws_block, parameters.kms_key, requester_pays=parameters.requester_pays)
        with access:
            try:
                with endpoint_gone_at_the_end(parameters, watcher), watcher.watching():
                    state = _final_state(parameters, watcher, server)
            finally:
                send_or_drop()
        if server is not None and state is not None and state.state_details.flow_run_id is not None:
            unrecorded = server.wait_until_recorded(state.state_details.flow_run_id, watcher.task_runs)
            if unrecorded:
                console.print(f"{unrecorded} task runs are not recorded for the dashboard; the product has all tiles")
    return _status(state, watcher)


def _final_state(parameters: RunParameters, watcher: TerminalWatcher, server: Server | None) -> Any:
    """Run the flow; None where its product is there but the Prefect API went away before it could be told."""
    from flows.flood_extent import flood_extent  # noqa: PLC0415

    logging.raiseExceptions = False  # a log line that the API does not take is not worth a line here
    try:
        return flood_extent(**parameters.model_dump(), return_state=True)
    except httpx.HTTPError as error:
        why = "" if server is None else server.why_gone()
        if not watcher.record:
            raise ApiUnreachable(
                f"no product: the Prefect API stopped answering ({why or error}). "
                "What was computed is kept: run again when it is back"
            ) from error
        message = "the Prefect API stopped answering: the dashboard does not show how this run ended"
        watcher.console.out(f"{message}. {why}" if why else message)
        return None


def _status(state: Any, watcher: TerminalWatcher) -> int:
    if watcher.record:
        show_product(watcher.console, watcher.record, watcher.product)
        incomplete = watcher.record["counts"]["failed"] or (watcher.record["endpoint"] or {}).get("left")
        return SOME_FAILED if incomplete else DONE
    outcome = state.result(raise_on_failure=False)
    if isinstance(outcome, FloodExtentError):
        raise outcome
    if ran_out_of_memory(outcome):
        raise FloodExtentError(f"no product: {NO_MEMORY}")
    raise FloodExtentError(f"no product: {state.message}. The log is {watcher.log or 'not written'}")
