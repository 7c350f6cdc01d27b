"""What a run has found when it is suspended for a review, kept in the work directory until it has ended."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from tasks.core.errors import UnusableArgument
from tasks.core.models.nir_threshold import Threshold
from tasks.core.tiles.ledger import Account, Ledger
from tasks.services import storage
from tasks.services.work_directory import run_records

KEY = re.compile(r"[0-9a-f]{64}")


class _Endpoint(BaseModel):
    model_config = ConfigDict(extra="allow")

    kind: str
    name: str | None
    left: list[str] = []
    instance_type: str = ""
    instance_count: int = 1
    minutes_billed: float = 0.0
    cost: float = 0.0


class _Kept(BaseModel):
    ledger: list[Account]
    started: AwareDatetime
    endpoint: _Endpoint
    model_identity: str
    calibration: list[Threshold] | None = None
    question: str


@dataclass(frozen=True)
class SuspendedRun:
    """All that the run needs to go on with in another process.

    Attributes:
        ledger: What became of each tile.
        started: When the run began, UTC.
        endpoint: The endpoint's life, as ``run.json`` has it.
        model_identity: What the answers depend on besides frames and settings.
        calibration: The thresholds that the model was told; None where it needs none.
        question: Key of the question that a person was asked last.
    """

    ledger: Ledger
    started: datetime
    endpoint: dict[str, Any]
    model_identity: str
    calibration: tuple[Threshold, ...] | None
    question: str

    def keep(self, work_directory: str, run: UUID) -> None:
        """Write them for a run."""
        values: dict[str, Any] = {
            "ledger": self.ledger.to_list(),
            "started": self.started.isoformat(),
            "endpoint": self.endpoint,
        }
        thresholds = None if self.calibration is None else [one.to_dict() for one in self.calibration]
        values |= {"model_identity": self.model_identity, "calibration": thresholds, "question": self.question}
        run_records.write(run_records.findings_uri(work_directory, run), values)

    @classmethod
    def of(cls, work_directory: str, run: UUID) -> Self | None:
        """Those of a run; None where it was not suspended.

        Whoever may write to the work directory may have changed them. So where files lie is not taken from there, but
        from their keys and this run's own work directory.

        Raises:
            UnusableArgument: They have another shape than a run of ours gives them.
        """
        uri = run_records.findings_uri(work_directory, run)
        values = run_records.read(uri)
        if values is None:
            return None
        try:
            kept = _Kept.model_validate(values)
            ledger = _ledger_in(kept.ledger, storage.resolve(work_directory))
        except (ValidationError, ValueError) as error:
            raise UnusableArgument(
                f"{uri}: not what a run keeps for its review ({_first(error)}). Remove it, and the run begins anew, "
                "with what is in its cache"
            ) from error
        calibration = None if kept.calibration is None else tuple(kept.calibration)
        return cls(ledger, kept.started, values["endpoint"], kept.model_identity, calibration, kept.question)


def _ledger_in(accounts: Sequence[Account], work_directory: str) -> Ledger:
    for job in (account.job for account in accounts):
        for key in (job.prepare_key, job.predict_key, job.extract_key):
            if not KEY.fullmatch(key):
                raise ValueError(f"{key!r} is no key of a tile's files")
    here = [replace(account, job=replace(account.job, work_directory=work_directory)) for account in accounts]
    return Ledger.from_list([account.to_dict() for account in here])


def _first(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    problem: Mapping[str, Any] = error.errors()[0]
    return f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"


def forget(work_directory: str, run: UUID) -> None:
    """Remove those of a run that has ended."""
    storage.delete(run_records.findings_uri(work_directory, run))
