"""``review: true``: the run waits, without any process, until a person has looked at map and table and decided.

After extraction, with the endpoint gone, the run keeps what it has found in the work directory and suspends. When the
form in the dashboard is answered, a worker starts it again: it takes up what was found, computes nothing, and goes on
as decided.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput, keyset_from_paused_state
from prefect.runtime import deployment
from prefect.states import Suspended
from pydantic import Field, ValidationError, create_model

from flows.parameters import RunParameters
from tasks.core.errors import UnusableArgument
from tasks.core.redaction import redact
from tasks.core.text import enumerated
from tasks.runtime.prefect_internals import without_heartbeat

ACCEPT, REJECT = "accept", "reject"
SECONDS_AN_HOUR = 3600
CHOICES_AT_MOST = 100
REASON = "Why. It stands in run.json and in the report; needed to reject or drop."
DROP = "Tiles to leave out, by the names in the table. Their ground counts as not assessed."
RAISE = "Raise it to drop more small polygons, and fill more small holes: m² on the ellipsoid."


class ReviewForm(RunInput):
    """What the form asks; Prefect shows title, description and choices of each field."""

    decision: Literal["accept", "reject"] = Field(description="accept: the product is made. reject: it is not.")
    reason: str = Field("", description=REASON)
    drop_tiles: list[str] = Field([], description=DROP)
    min_contour_size: float = Field(0.0, ge=0, description=RAISE)


def form_for(tiles: Sequence[str], least_contour_size: float, message: str) -> type[ReviewForm]:
    """The form for one run: its tiles to choose from, where a list of them is of use, and its contour size to raise.

    Args:
        tiles: Ids of the tiles with an answer.
        least_contour_size: That the map was made with, m².
        message: Shown above the form, markdown.
    """
    # A file's name need not be text; a form's choices must be.
    are_choices = 0 < len(tiles) <= CHOICES_AT_MOST and all(tile.isprintable() for tile in tiles)
    one_of: Any = Literal[tuple(tiles)] if are_choices else str
    form = create_model(
        "Review",
        __base__=ReviewForm,
        drop_tiles=(list[one_of], Field([], description=DROP)),
        min_contour_size=(float, Field(least_contour_size, ge=least_contour_size, description=RAISE)),
    )
    return form.with_initial_data(description=message)


@dataclass(frozen=True)
class Decision:
    """What a person decided.

    Attributes:
        accepted: Whether the product is to be made.
        reason: In the person's words; may be empty where accepted.
        dropped: Ids of tiles to leave out.
        min_contour_size: To make the product with, m².
    """

    accepted: bool
    reason: str
    dropped: tuple[str, ...]
    min_contour_size: float

    def to_dict(self) -> dict[str, Any]:
        """For the run's record."""
        values = asdict(self)
        return {"decision": ACCEPT if values.pop("accepted") else REJECT, **values}


def check_reviewable(parameters: RunParameters) -> None:
    """Refuse a review where nobody could be asked.

    Raises:
        UnusableArgument: The run has no deployment: it could not be started again.
    """
    if parameters.review and not parameters.dry_run and deployment.id is None:
        raise UnusableArgument(
            "`review`: nobody could be asked, for this run was not started from a dashboard. Start `flood-extent "
            "serve` and run the deployment flood-extent/local from its dashboard, or leave `review` out"
        )


def decision_of(form: ReviewForm, answered: Collection[str], least_contour_size: float) -> Decision:
    """What the form says.

    Args:
        form: As answered.
        answered: Ids of the tiles that have an answer.
        least_contour_size: That the run was started with, m².

    Raises:
        ValueError: It cannot be done so; the words say why.
    """
    dropped = tuple(dict.fromkeys(name.strip() for name in form.drop_tiles if name.strip()))
    unknown = [name for name in dropped if name not in answered]
    if unknown:
        raise ValueError(f"{enumerated(unknown)}: not among the tiles with an answer. Take names as the table has them")
    rejected, reason = form.decision == REJECT, str(redact(form.reason.strip()))
    if (rejected or dropped) and not reason:
        raise ValueError("to reject, or to drop tiles, needs a reason")
    if not rejected and len(dropped) == len(answered):
        raise ValueError("all tiles would be dropped: reject instead")
    if form.min_contour_size < least_contour_size:
        raise ValueError(
            f"min_contour_size {form.min_contour_size:g} is less than the {least_contour_size:g} m² that the map was "
            "made with: it can be raised only"
        )
    return Decision(not rejected, reason, dropped, form.min_contour_size)


def ask(key: str, hours: float, form: type[ReviewForm]) -> ReviewForm:
    """Suspend the run until the form is answered: the process ends here, and ``answer_to`` has the answer later.

    Args:
        key: Of this question; another one each time that is asked.
        hours: After which the run has failed.
        form: What is asked.
    """
    with without_heartbeat():
        return suspend_flow_run(wait_for_input=form, timeout=round(hours * SECONDS_AN_HOUR), key=key)


def answer_to(key: str) -> ReviewForm | None:
    """The answer that was given to a question of this run; None where there is none."""
    try:
        return cast("ReviewForm", ReviewForm.load(keyset_from_paused_state(Suspended(pause_key=key))))
    except ValidationError:  # nobody answered: an empty form, which lacks the decision
        return None
