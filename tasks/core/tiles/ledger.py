"""What became of every tile: none is lost, whatever stage it fails in."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from tasks.core.record import Record
from tasks.core.redaction import redact
from tasks.core.tiles.jobs import TileJob
from tasks.core.tiles.stage_records import FileHash

DROPPED = "dropped"
REVIEW = "review"


@dataclass(slots=True)
class Account(Record):
    """What is known of one tile.

    Attributes:
        job: The tile and what is asked of it.
        stage: The last stage that it ended in, well or not; empty before the first.
        error: What was wrong, for a person; None while nothing is.
        seconds: Time spent by stage in this run; 0 where the answer was cached.
        cached: Stages whose answer is that of an earlier run.
        warnings: What a person should know of a tile that did not fail.
        dropped: Whether a person has left the tile out, whatever its stages answered; ``error`` says why.
        unusable: Whether the frame itself is what is wrong: only another one helps.
        task_run: Id of the task run in which the tile failed; empty where it did not, or no task was started for it.
        files: By stage, the file that the product is made of, as the stage's record has it.
    """

    job: TileJob
    stage: str = ""
    error: str | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    cached: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    dropped: bool = False
    unusable: bool = False
    task_run: str = ""
    files: dict[str, FileHash] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """``done``, ``failed`` or ``dropped``."""
        if self.dropped:
            return DROPPED
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
        return [account for account in self.accounts if account.state == "failed"]

    @property
    def dropped(self) -> list[Account]:
        """The tiles that a person left out."""
        return [account for account in self.accounts if account.dropped]

    @property
    def unanswered(self) -> list[Account]:
        """The tiles without an answer in the product: failed and dropped."""
        return [account for account in self.accounts if account.error is not None]

    def done(
        self,
        job: TileJob,
        stage: str,
        *,
        seconds: float,
        cached: bool = False,
        warnings: Sequence[str] = (),
        file: FileHash | None = None,
    ) -> None:
        """Note that a stage answered."""
        account = self._accounts[job.tile.id]
        account.stage = stage
        account.seconds[stage] = 0.0 if cached else seconds
        account.warnings += warnings
        if cached:
            account.cached.append(stage)
        if file is not None:
            account.files[stage] = file

    def fail(
        self,
        job: TileJob,
        stage: str,
        error: str,
        *,
        seconds: float = 0.0,
        unusable: bool = False,
        task_run: str = "",
    ) -> None:
        """Note that the tile ends here, without what no file may hold: its error goes into several."""
        account = self._accounts[job.tile.id]
        account.stage, account.error = stage, str(redact(error))
        account.unusable, account.task_run = unusable, task_run
        account.seconds[stage] = seconds

    def warn(self, tile: str, warning: str) -> None:
        """Note what a person should know of a tile, whatever becomes of it."""
        self._accounts[tile].warnings.append(str(redact(warning)))

    def drop(self, tile: str, reason: str) -> None:
        """Note that a person has left the tile out of the product; one that failed stays failed."""
        account = self._accounts[tile]
        if account.error is None:
            account.stage, account.error, account.dropped = REVIEW, str(redact(reason)), True

    def take_over(self, tile: str, stages: Sequence[str], warnings: Sequence[str]) -> None:
        """Note that a tile's answers of these stages are taken from an earlier run, without asking for them again."""
        account = self._accounts[tile]
        for stage in stages:
            self.done(account.job, stage, seconds=0.0, cached=True)
        account.warnings += warnings

    def enter(self, account: Account, job: TileJob) -> None:
        """Take over what another run has noted of a tile, on top of what is known of it."""
        before = self._accounts[account.job.tile.id]
        cached = [*before.cached, *(stage for stage in account.cached if stage not in before.seconds)]
        warnings = list(dict.fromkeys([*before.warnings, *account.warnings]))
        seconds = {**account.seconds, **{stage: value for stage, value in before.seconds.items() if value}}
        self._accounts[job.tile.id] = replace(account, job=job, cached=cached, warnings=warnings, seconds=seconds)

    def replan(self, jobs: Iterable[TileJob]) -> None:
        """Take other jobs of the same tiles; what was done of them is done."""
        for job in jobs:
            self._accounts[job.tile.id].job = job

    def reopen(self, tile: str) -> None:
        """Note that the answers that were taken over do not fit any more."""
        self._accounts[tile] = Account(self._accounts[tile].job)

    def to_list(self) -> list[dict[str, Any]]:
        """Plain values, as JSON holds them."""
        return [account.to_dict() for account in self.accounts]

    @classmethod
    def from_list(cls, accounts: Sequence[Mapping[str, Any]]) -> Self:
        """Rebuild from ``to_list`` or JSON."""
        ledger = cls()
        ledger._accounts = {account.job.tile.id: account for account in map(Account.from_dict, accounts)}
        return ledger
