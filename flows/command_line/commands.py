"""What the commands do; each returns the exit status."""

import argparse
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.markup import escape

from flows.command_line.console import make_console
from flows.command_line.memory import OutOfMemory, ran_out_of_memory
from flows.command_line.options import parameters_of
from flows.command_line.terminal import Watcher, show_plan, show_product, show_score
from flows.parameters import RunParameters
from flows.server.at_hand import configured_url, serve_of_this_home
from flows.server.local_server import ApiUnreachable, Server, ServerNotStarted, using
from flows.server.prefect_import import import_prefect
from flows.server.proxies import no_proxy_for_loopback
from tasks.core.errors import FloodExtentError, ObjectMissing, UnusableArgument
from tasks.services.temp_folders import sweep as sweep_temp_folders
from tasks.services.temp_folders import temp_folder

DONE, NO_PRODUCT, SOME_FAILED = 0, 1, 2


def run(options: argparse.Namespace) -> int:
    """Run the flow on a dataset and show what became of it; with ``--dry-run``, do as ``plan``."""
    parameters = parameters_of(options)
    return _show_planned(parameters) if parameters.dry_run else run_flow(parameters, make_console())[0]


def run_flow(parameters: RunParameters, console: Console) -> tuple[int, Mapping[str, Any]]:
    """Run the flow here, with a Prefect server of its own where there is none.

    Returns:
        Exit status, and the run's record (empty where there is no product).
    """
    console.print(f"checking {escape(parameters.dataset)} and the settings", soft_wrap=True)  # imports take seconds
    import_prefect()
    from flows.checks import check  # noqa: PLC0415 - imports what a wrong argument should not wait for
    from flows.command_line.last_resort import endpoint_gone_at_the_end  # noqa: PLC0415
    from flows.server.unsent import sent_at_the_end  # noqa: PLC0415
    from flows.run.completion import completed_parameters  # noqa: PLC0415
    from flows.run.review_form import check_reviewable  # noqa: PLC0415
    from flows.server.local_server import prefect_api  # noqa: PLC0415
    from tasks.runtime.aws_credentials import aws_access  # noqa: PLC0415

    if parameters.aws_block is None:  # else the flow checks: who may ask AWS is known to the server alone
        with aws_access(None, parameters.kms_key, requester_pays=parameters.requester_pays):
            check_reviewable(parameters)
            parameters, _ = completed_parameters(parameters, parameters.model_fields_set)
            check(parameters)
    watcher = Watcher(console)

    def say(line: str) -> None:
        console.print(escape(line), soft_wrap=True)

    with ExitStack() as stack:
        folder = stack.enter_context(temp_folder("server"))
        server = stack.enter_context(prefect_api(os.environ, folder / "server.log", say))
        if server is not None:
            say("starting a Prefect server for this run")
        import flows.flood_extent  # noqa: F401, PLC0415 - while the server starts

        if server is not None:
            server.wait_until_up()
        # Held until the endpoint is gone: the server with the credentials' block may be away by then.
        access = aws_access(parameters.aws_block, parameters.kms_key, requester_pays=parameters.requester_pays)
        with access, sent_at_the_end(), endpoint_gone_at_the_end(parameters, watcher), watcher.watching():
            state = _final_state(parameters, watcher, server)
        if server is not None and state is not None and state.state_details.flow_run_id is not None:
            unrecorded = server.wait_until_recorded(state.state_details.flow_run_id, watcher.task_runs)
            if unrecorded:
                console.print(f"{unrecorded} task runs are not recorded for the dashboard; the product has all tiles")
    return _judged(state, watcher)


def _final_state(parameters: RunParameters, watcher: Watcher, server: Server | None) -> Any:
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
        words = "the Prefect API stopped answering: the dashboard does not show how this run ended"
        watcher.console.print(escape(f"{words}. {why}" if why else words), soft_wrap=True)
        return None


def _judged(state: Any, watcher: Watcher) -> tuple[int, Mapping[str, Any]]:
    if watcher.record:
        show_product(watcher.console, watcher.record, watcher.product)
        incomplete = watcher.record["counts"]["failed"] or (watcher.record["endpoint"] or {}).get("left")
        return (SOME_FAILED if incomplete else DONE), watcher.record
    outcome = state.result(raise_on_failure=False)
    if isinstance(outcome, FloodExtentError):
        raise outcome
    if ran_out_of_memory(outcome):
        raise OutOfMemory
    raise FloodExtentError(f"no product: {state.message}. The log is {watcher.log or 'not written'}")


def demo(options: argparse.Namespace) -> int:
    """Make a scene, run on it, and score the extent against what the scene knows."""
    from flows.command_line.demonstration import demonstrate  # noqa: PLC0415

    return demonstrate(options, make_console())


def plan(options: argparse.Namespace) -> int:
    """Show what a run would do; nothing is created."""
    return _show_planned(parameters_of(options))


def _show_planned(parameters: RunParameters) -> int:
    console = make_console()
    console.print(f"looking at {escape(parameters.dataset)}, without changing anything", soft_wrap=True)
    import_prefect()
    with _server_of_block(parameters):
        from flows.run.dry_run import plan_run  # noqa: PLC0415 - Prefect takes seconds

        planned = plan_run(parameters, parameters.model_fields_set)
    show_plan(console, planned)
    return DONE if planned.possible else NO_PRODUCT


@contextmanager
def _server_of_block(parameters: RunParameters) -> Iterator[None]:
    """The Prefect API that has the credentials' block, where one is named; none is started for a plan.

    Raises:
        UnusableArgument: No API is set, and none answers here.
    """
    if parameters.aws_block is None:
        yield
        return
    if url := configured_url():
        with no_proxy_for_loopback(url):
            yield
        return
    with no_proxy_for_loopback():
        serve = serve_of_this_home()
        if serve is not None:
            with using(f"{serve[0]}/api", serve[1]):
                yield
            return
        raise UnusableArgument(
            f"`aws_block` {parameters.aws_block}: only a Prefect server knows it, and a plan starts none. Start "
            "`flood-extent serve`, set PREFECT_API_URL, or leave it out and use AWS's own settings"
        )


def serve(options: argparse.Namespace) -> int:
    """Show the dashboard, and execute the runs that are started from it, until interrupted."""
    console = make_console(soft_wrap=True)
    console.print("starting a Prefect server, its dashboard and a worker")
    import_prefect()
    from flows.server.serve_command import serve_here  # noqa: PLC0415 - Prefect takes seconds

    sweep_temp_folders()
    serve_here(console, options.port, aws_block=options.aws_block, notify=options.notify, database=options.database)
    return DONE


def tile(options: argparse.Namespace) -> int:
    """Map one frame in this process."""
    from flows.command_line.tile_command import run_tile  # noqa: PLC0415 - what it needs takes a second

    run_tile(parameters_of(options), make_console())
    return DONE


def score(options: argparse.Namespace) -> int:
    """Compare a product with reference polygons."""
    from tasks.core.scoring.score_files import other_date, score_product  # noqa: PLC0415

    console = make_console()
    with at_hand(options.product) as product, reference_at_hand(options.reference) as reference:
        show_score(console, score_product(product, reference))
        if warning := other_date(product, reference):
            console.print(f"[yellow]warning[/yellow]: {escape(warning)}", soft_wrap=True)
    return DONE


@contextmanager
def at_hand(product: str) -> Iterator[Path]:
    """A product as local files; of one in S3 the GeoPackage, which is all that scoring needs."""
    from tasks.core.formats.product_files import GEOPACKAGE  # noqa: PLC0415
    from tasks.services import storage  # noqa: PLC0415

    if not storage.is_s3(product):
        yield Path(product).expanduser()
        return
    place = storage.parent(product) if storage.exists(product) else product
    uri = storage.join(place, GEOPACKAGE)
    with temp_folder("score") as folder:
        package = folder / storage.name(place) / GEOPACKAGE
        try:
            storage.fetch(uri, package)
        except ObjectMissing as error:
            raise UnusableArgument(
                f"{product}: is no product of ours, for it has no {GEOPACKAGE}. Give the prefix that a run has written"
            ) from error
        yield package


@contextmanager
def reference_at_hand(reference: str) -> Iterator[Path]:
    """A vector file as a local one; of one in S3, with what belongs to it, such as the other parts of a shapefile."""
    from tasks.services import storage  # noqa: PLC0415

    if not storage.is_s3(reference):
        yield Path(reference).expanduser()
        return
    parts = [one.uri for one in storage.siblings(reference) if Path(one.uri).stem == Path(reference).stem]
    if reference not in parts:
        raise UnusableArgument(f"{reference}: does not exist. Check the name")
    with temp_folder("score") as folder:
        place = folder / storage.name(storage.parent(reference))
        for uri in parts:
            storage.fetch(uri, place / storage.name(uri))
        yield place / storage.name(reference)


def sweep(options: argparse.Namespace) -> int:
    """Delete SageMaker endpoints whose run is over."""
    console, limit = make_console(soft_wrap=True), options.max_endpoint_minutes
    if not limit >= 0:  # nan too
        raise UnusableArgument(f"--max-endpoint-minutes: give a number of minutes from 0 on, not {limit:g}")
    console.print("looking for SageMaker endpoints whose run is over")
    import_prefect()
    from flows.server.local_server import prefect_api  # noqa: PLC0415
    from flows.sweep_endpoints import summary, sweep_once  # noqa: PLC0415

    sweep_temp_folders()
    with ExitStack() as stack:
        folder = stack.enter_context(temp_folder("server"))
        try:
            api = prefect_api(os.environ, folder / "server.log", partial(console.print, markup=False))
            server = stack.enter_context(api)
            if server is not None:
                server.wait_until_up()
        except (ApiUnreachable, ServerNotStarted) as error:
            console.print(escape(f"leases and age alone decide, for {error}"))
        verdicts = sweep_once(dry_run=options.dry_run, max_minutes=limit, aws_block=options.aws_block)
    for verdict in verdicts:
        console.print(escape(str(verdict)))
    console.print(summary(verdicts, dry_run=options.dry_run))
    return SOME_FAILED if any(verdict.left for verdict in verdicts) else DONE


def clean(options: argparse.Namespace) -> int:
    """Remove old files that runs have left in the work directory."""
    from tasks.services.work_directory import pruning  # noqa: PLC0415

    if not options.days >= 0:  # nan too
        raise UnusableArgument(f"--older-than: give a number of days from 0 on, not {options.days:g}")
    pruning.check_work_directory(options.work_directory)
    console, removed = make_console(), pruning.prune(options.work_directory, options.days)
    for part, files in removed.items():
        if files:
            console.print(f"{part}/: {files:,} files removed ({pruning.CONTENTS[part]})")
    place, total = escape(options.work_directory), sum(removed.values())
    console.print(f"{total:,} files older than {options.days:g} days removed from {place}", soft_wrap=True)
    return DONE
