"""What became of every tile: none is lost, whatever stage it fails in."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tasks.core.jobs import TileJob
from tasks.core.redaction import redact


@dataclass(slots=True)
class Account:
    """What is known of one tile.

    Attributes:
        job: The tile and what is asked of it.
        stage: The last stage that it ended in, well or not; empty before the first.
        error: What was wrong, for a person; None while nothing is.
        seconds: Time spent by stage in this run; 0 where the answer was remembered.
        cached: Stages whose answer was remembered from an earlier run.
        warnings: What a person should know of a tile that did not fail.
    """

    job: TileJob
    stage: str = ""
    error: str | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    cached: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def state(self) -> str:
        """``done`` or ``failed``."""
        return "failed" if self.error is not None else "done"


class Ledger:
    """The accounts of a run's tiles, in the order of their ids."""

    def __init__(self, jobs: Iterable[TileJob] = ()) -> None:
        self._accounts = {job.tile.id: Account(job) for job in jobs}

    @property
    def accounts(self) -> list[Account]:
        """All tiles."""
        return list(self._accounts.values())

    @property
    def standing(self) -> list[TileJob]:
        """Jobs of the tiles that nothing has failed so far."""
        return [account.job for account in self.accounts if account.error is None]

    @property
    def failed(self) -> list[Account]:
        """The tiles that failed."""
        return [account for account in self.accounts if account.error is not None]

    def done(
        self, job: TileJob, stage: str, *, seconds: float, cached: bool = False, warnings: Sequence[str] = ()
    ) -> None:
        """Note that a stage answered."""
        account = self._accounts[job.tile.id]
        account.stage = stage
        account.seconds[stage] = 0.0 if cached else seconds
        account.warnings += warnings
        if cached:
            account.cached.append(stage)

    def fail(self, job: TileJob, stage: str, error: str, *, seconds: float = 0.0) -> None:
        """Note that the tile ends here, without what no file may hold: its error goes into several."""
        account = self._accounts[job.tile.id]
        account.stage, account.error = stage, str(redact(error))
        account.seconds[stage] = seconds
