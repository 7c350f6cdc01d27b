"""Stage agreement: a product held against reference polygons, and what people are shown of it."""

from pathlib import Path
from typing import Any

from prefect import State
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.logging import get_run_logger
from prefect.states import Failed

from tasks.core.errors import FloodExtentError
from tasks.core.reports.run_page import slug
from tasks.core.scoring import score_page
from tasks.core.scoring.scored_product import PICTURE
from tasks.runtime import dashboard
from tasks.runtime.policies import run_task
from tasks.services.publishing import assessing
from tasks.services.publishing.assessing import Comparison


@run_task(name="compare")
def compare_with_reference(product: str, reference: str) -> Comparison | State[Any]:
    """Compare, and say how well they agree; what cannot be read ends the task with the reason, without a trace."""
    try:
        found = assessing.compare(product, reference)
    except FloodExtentError as error:
        return Failed(message=str(error), data=error)
    get_run_logger().info("%s: %s", found.name, score_page.essentials(found.assessment.score))
    if found.warning:
        get_run_logger().warning("%s", found.warning)
    return found


@run_task(name="write-agreement")
def write_agreement(found: Comparison, folder: Path, output_directory: str | None) -> str | None:
    """Write layer, picture, table and summary into a folder, and put them where they are wanted; that place's URI."""
    found.write(folder)
    place = None if output_directory is None else assessing.put(folder, output_directory)
    if place is not None:
        get_run_logger().info("in %s: %s", place, ", ".join(sorted(path.name for path in folder.iterdir())))
    return place


def show_agreement(found: Comparison, folder: Path, place: str | None) -> None:
    """The run's page: figures and picture, and a table with a row for all and one a tile."""
    key, about = f"{slug(found.name)}-score", score_page.essentials(found.assessment.score)

    def page() -> object:
        png = (folder / PICTURE).read_bytes()
        text = score_page.score_page(found.name, found.assessment, png, place, found.warning)
        return create_markdown_artifact(text, key, f"{about}.")

    def table() -> object:
        text = score_page.table_text(found.name, found.assessment)
        return create_table_artifact(score_page.score_table(found.assessment), f"{key}-tiles", text)

    dashboard.offer("score", page)
    dashboard.offer("score by tile", table)
