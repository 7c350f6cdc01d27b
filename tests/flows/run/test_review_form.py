"""A review's answer: what it decides, and what cannot be done."""

from typing import Any

import pytest
from pydantic import ValidationError

from flows.parameters import RunParameters
from flows.run.review_form import Decision, ReviewForm, check_reviewable, decision_of
from tasks.core.errors import UnusableArgument

TILES = ["a.jp2", "b.jp2"]


def answer(**fields: Any) -> ReviewForm:
    return ReviewForm(**{"decision": "accept", "min_contour_size": 25.0, **fields})


def test_an_answer_becomes_a_decision() -> None:
    """Names are taken as a person copies them, with blanks and twice."""
    form = answer(reason=" cloud ", drop_tiles=[" a.jp2", "a.jp2", ""], min_contour_size=100)
    assert decision_of(form, TILES, 25.0) == Decision(
        accepted=True, reason="cloud", dropped=("a.jp2",), min_contour_size=100.0
    )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"decision": "reject"}, "needs a reason"),
        ({"drop_tiles": ["a.jp2"]}, "needs a reason"),
        ({"drop_tiles": ["c.jp2"], "reason": "x"}, "c.jp2: not among the tiles"),
        ({"drop_tiles": TILES, "reason": "x"}, "reject instead"),
        ({"min_contour_size": 10}, "can be raised only"),
    ],
)
def test_what_cannot_be_done_is_said(fields: dict[str, Any], words: str) -> None:
    """The person is asked again with the reason, instead of the run going on as nobody wanted."""
    with pytest.raises(ValueError, match=words):
        decision_of(answer(**fields), TILES, 25.0)


def test_the_form_itself_refuses_what_is_no_decision() -> None:
    """Accept and reject are all there is."""
    with pytest.raises(ValidationError):
        answer(decision="perhaps")


def test_a_review_needs_a_deployment() -> None:
    """Without one, the run could not be started again: refused at once, naming the remedy."""
    with pytest.raises(UnusableArgument, match="flood-extent serve"):
        check_reviewable(RunParameters(dataset="x", review=True))
    check_reviewable(RunParameters(dataset="x", review=True, dry_run=True))
    check_reviewable(RunParameters(dataset="x"))
