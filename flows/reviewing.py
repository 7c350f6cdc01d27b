"""The review within a run: ask, suspend, and go on as decided."""

from prefect.logging import get_run_logger

from flows.review import answer_to, ask, form_for, judged
from flows.run import Run
from flows.run_page import show_for_review
from tasks.extent import assemble_layers
from tasks.report import draw_overview

QUESTION = "review-{number}"
WORDS = """Look at the map and the table of tiles among this run's artifacts, then decide.

{answered:,} of {total:,} tiles have an answer, {failed:,} failed. The endpoint is gone; nothing is computed again.
You have {hours:g} hours."""
AGAIN = "**The last answer was not taken: {reason}.**\n\n{words}"


def decide(run: Run) -> None:
    """Let a person decide on what the run has found. Where nobody has yet, the run is suspended and this process ends.

    After the answer a worker starts the run again, and this returns; an answer that cannot be followed is asked again.
    """
    if not run.resumed:
        _show(run)
        _ask(run, _words(run))
    form = answer_to(run.question)
    if form is None:
        _ask(run, _words(run))
        return
    answered = [job.tile.id for job in run.ledger.standing]
    try:
        run.decided(judged(form, answered, run.parameters.min_contour_size))
    except ValueError as error:
        get_run_logger().warning("the review's answer was not taken: %s", error)
        _ask(run, AGAIN.format(reason=error, words=_words(run)))
    get_run_logger().info("review: %s %s", form.decision, form.reason)


def _show(run: Run) -> None:
    run.endpoint.wait_until_gone()
    with run.staging() as folder:
        layers = assemble_layers(run.ledger, run.min_contour_size)
        draw_overview(folder, run.ledger, layers, run.dataset_name)
        show_for_review(run.dataset_name, folder, run.ledger, layers)


def _ask(run: Run, words: str) -> None:
    """Keep what was found, then suspend: each question has a key of its own, for Prefect suspends once a key."""
    number = int(run.question.rpartition("-")[2] or 0) + 1
    run.put_aside(QUESTION.format(number=number))
    tiles = [job.tile.id for job in run.ledger.standing]
    ask(run.question, run.parameters.review_hours, form_for(tiles, run.min_contour_size, words))


def _words(run: Run) -> str:
    total, failed = len(run.jobs), len(run.ledger.failed)
    hours = run.parameters.review_hours
    return WORDS.format(answered=total - len(run.ledger.unanswered), total=total, failed=failed, hours=hours)
