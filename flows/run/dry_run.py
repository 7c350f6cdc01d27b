"""The flow with ``dry_run``: the plan, on the run's page and in its log, instead of the run."""

from typing import Any

from prefect import State
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from flows.parameters import RunParameters
from flows.run import run_identity
from flows.run.planning import plan_run
from tasks.core.errors import UnusableArgument
from tasks.core.reports import plan_report
from tasks.core.reports.run_page import slug
from tasks.core.states import NOT_POSSIBLE, PLANNED
from tasks.core.tiles.plan import Plan
from tasks.runtime import dashboard
from tasks.services.storage.uris import dataset_name


def rehearse(parameters: RunParameters) -> State[Any]:
    """Make the plan, show it, and say whether a run is possible. Nothing else is created.

    Returns:
        Completed ``Planned``, or Failed ``NotPossible`` where a run would be refused or could not get its endpoint.
    """
    name = dataset_name(parameters.dataset)
    run_identity.begin(f"plan of {name.replace('_', ' ')}")
    try:
        plan = plan_run(parameters)
    except UnusableArgument as error:
        get_run_logger().error("%s", error)
        return Failed(name=NOT_POSSIBLE, message=str(error), data=error)
    for line in plan_report.lines(plan):
        get_run_logger().info("%s", line)
    _show(plan, name)
    message = plan_report.essentials(plan)
    return Completed(name=PLANNED, message=message) if plan.possible else Failed(name=NOT_POSSIBLE, message=message)


def _show(plan: Plan, name: str) -> None:
    key = f"{slug(name)}-plan"
    about = f"What a run on {name} would do."
    dashboard.offer("plan", lambda: create_markdown_artifact(plan_report.markdown(plan), key, about))
    table, words = plan_report.tile_table(plan), plan_report.table_words(plan)
    dashboard.offer("plan of tiles", lambda: create_table_artifact(table, f"{key}-tiles", words))
