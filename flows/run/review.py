"""The review within a run: ask, suspend, and go on as decided."""

from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from flows.run.edition import edition_of
from flows.run.review_form import ReviewForm, answer_to, ask, decision_of, form_for
from flows.run.run import Run
from tasks.core.product.to_check import to_check
from tasks.core.reports import places_text
from tasks.core.reports.report_markdown import plain
from tasks.core.tiles.jobs import content_key
from tasks.extent import assemble_layers
from tasks.report import draw_overview
from tasks.runtime.dashboard import show_for_review

DIGITS = 8
PLACES = 3
QUESTION = """Look at the map and the tables of tiles and of places to check among this run's artifacts, then decide.

{answered:,} of {total:,} tiles have an answer, {failed:,} failed. The run holds no endpoint; nothing is computed again.
You have {hours:g} hours."""
DOUBT = "\n\n**{doubt}.**"
AGAIN = "**The last answer was not taken: {reason}.**\n\n{text}"


def decide(run: Run) -> None:
    """Let a person decide on what the run has found. Where nobody has yet, the run is suspended and this process ends.

    After the answer a worker starts the run again, and this returns; an answer that cannot be followed is asked again.
    """
    if not run.resumed:
        _show(run)
    while run.decision is None:
        text = _question(run)
        form = answer_to(run.question) if run.question else None
        if form is not None:
            text = _follow(run, form) or text
        if run.decision is None:
            _ask(run, text)


def _follow(run: Run, form: ReviewForm) -> str | None:
    """Go on as the form says; where that cannot be done, what to ask instead."""
    try:
        run.decided(
            decision_of(form, [job.tile.id for job in run.tiles.ledger.standing], run.parameters.min_contour_size)
        )
    except ValueError as error:
        get_run_logger().warning("the review's answer was not taken: %s", error)
        return AGAIN.format(reason=error, text=_question(run))
    get_run_logger().info("review: %s %s", form.decision, form.reason)
    return None


def _show(run: Run) -> None:
    run.endpoint.wait_until_gone()
    with run.staging() as folder:
        edition = edition_of(run)
        layers = assemble_layers(run.tiles.ledger, run.min_contour_size, edition, run.tiles.given)
        draw_overview(folder, run.tiles.ledger, layers, edition)
        show_for_review(run.dataset_name, folder, run.tiles.ledger, layers)
    run.to_check = tuple(places_text.sentences(to_check(layers), PLACES))


def _ask(run: Run, text: str) -> None:
    """Keep what was found, then suspend.

    Prefect suspends once a key. So each question has one of its own, and so has what is asked about: an answer to a
    former attempt, or to another map, is none.
    """
    number = int(run.question.rpartition("-")[2] or 0) + 1
    tiles = [job.tile.id for job in run.tiles.ledger.standing]
    about = content_key(*sorted(job.extract_key for job in run.tiles.ledger.standing))[:DIGITS]
    run.put_aside(f"review-{flow_run.get_run_count()}-{about}-{number}")
    ask(run.question, run.parameters.review_hours, form_for(tiles, run.min_contour_size, text))


def _question(run: Run) -> str:
    total, failed = len(run.tiles.jobs), len(run.tiles.ledger.failed)
    hours = run.parameters.review_hours
    text = QUESTION.format(answered=total - len(run.tiles.ledger.unanswered), total=total, failed=failed, hours=hours)
    doubts = "".join(DOUBT.format(doubt=doubt) for doubt in run.tiles.doubts)
    return text + doubts + "".join(f"\n\n{plain(sentence)}." for sentence in run.to_check)
