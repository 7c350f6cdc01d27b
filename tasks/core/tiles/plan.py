"""What a run would find and do, as a record: worked out from headers and settings, before anything is created."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from tasks.core.tiles.jobs import TileJob
from tasks.core.tiles.tile import Tile

STAGES = PREPARE, PREDICT, EXTRACT = ("prepare", "predict", "extract")
MINUTES_AN_HOUR = 60


class Verdict(StrEnum):
    """Whether something stands against a run."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a run depends on, looked at beforehand.

    Attributes:
        name: What was looked at.
        verdict: Whether a run could go on.
        text: What was found; unless all is well, with what to do about it.
    """

    name: str
    verdict: Verdict
    text: str


@dataclass(frozen=True, slots=True)
class Hosting:
    """The endpoint that a run would deploy in SageMaker, and what it would cost.

    Attributes:
        instance_types: The first, and those that are tried where AWS is short of it.
        instance_count: Of instances.
        deploying_minutes: Until it answers, or longer, until the tiles are prepared that it is to be asked for.
        predicting_minutes: For which it would be asked.
        cap_minutes: Beyond which it may not live.
        hour_price: Of an hour of the first instance type, in any currency; None where not given.
        max_instance_count: As many as AWS may add up to; None where it adds none.
    """

    instance_types: tuple[str, ...]
    instance_count: int
    deploying_minutes: float
    predicting_minutes: float
    cap_minutes: float
    hour_price: float | None = None
    max_instance_count: int | None = None

    @property
    def minutes(self) -> float:
        """From its creation to its deletion."""
        return self.deploying_minutes + self.predicting_minutes

    @property
    def cost(self) -> float | None:
        """In the price's currency; None where no price is given."""
        if self.hour_price is None:
            return None
        return self.hour_price * self.instance_count * self.minutes / MINUTES_AN_HOUR

    @property
    def most_cost(self) -> float | None:
        """With all that AWS may add from the first prediction on, and no prediction sooner for it."""
        if self.hour_price is None or self.max_instance_count is None:
            return None
        instance_minutes = (
            self.instance_count * self.deploying_minutes + self.max_instance_count * self.predicting_minutes
        )
        return self.hour_price * instance_minutes / MINUTES_AN_HOUR


@dataclass(frozen=True)
class Plan:
    """What a run would find and do.

    Attributes:
        dataset: As it was given.
        jobs: A job a tile, also for those that would fail.
        unanswered: By stage, ids of the tiles whose answer is not remembered.
        places: Where product, work and log would go, by these names.
        endpoint: ``local``, ``sagemaker`` or ``http``.
        address: URL or name of an endpoint that is there already; empty where one would be deployed.
        hosting: What SageMaker would have to provide; None where nothing.
        findings: What a run depends on, as far as it was looked at.
        left_out: Words by id, for tiles that a person dropped in the run that this one would complete.
        completes: The run that this one would complete, as it was named; None where it would complete none.
        taken_over: What that run's record says of the settings, in words; None where it would complete none.
        local_minutes: That a run on this machine would take, by what its tiles took before; None where unmeasured.
        review_hours: For which it would wait for a person; None where nobody would be asked.
        calibration: What the model would be told; empty where that is found once all tiles are prepared, None where the
            model needs nothing.
    """

    dataset: str
    jobs: Sequence[TileJob]
    unanswered: Mapping[str, frozenset[str]]
    places: Mapping[str, str]
    endpoint: str
    address: str = ""
    hosting: Hosting | None = None
    findings: tuple[Finding, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    completes: str | None = None
    taken_over: str | None = None
    local_minutes: float | None = None
    review_hours: float | None = None
    calibration: tuple[str, ...] | None = None

    @property
    def unusable(self) -> list[Tile]:
        """Tiles that would fail because of their header."""
        return [job.tile for job in self.jobs if job.tile.problem is not None]

    @property
    def usable(self) -> list[TileJob]:
        """Jobs of the tiles that would be answered for: their header is in order, and nobody has dropped them."""
        return [job for job in self.jobs if job.tile.problem is None and job.tile.id not in self.left_out]

    def waiting(self, stage: str) -> list[TileJob]:
        """Jobs of the usable tiles that the stage would have to compute."""
        return [job for job in self.usable if job.tile.id in self.unanswered[stage]]

    @property
    def problems(self) -> list[Finding]:
        """What stands against a run: it would be refused, or could not get its endpoint."""
        return [finding for finding in self.findings if finding.verdict is Verdict.PROBLEM]

    @property
    def possible(self) -> bool:
        """Whether nothing was found that stands against a run."""
        return not self.problems
