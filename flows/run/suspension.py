"""What a run has found when it is suspended for a review, kept in the work directory until it has ended."""

import re
from dataclasses import replace
from typing import Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError, field_validator

from flows.run.earlier_record import first_problem
from tasks.core.errors import UnusableArgument
from tasks.core.models.nir_threshold import Threshold
from tasks.core.tiles.ledger import Account
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


class SuspendedRun(BaseModel):
    """All that the run needs to go on with in another process.

    Attributes:
        ledger: What became of each tile.
        started: When the run began, UTC.
        endpoint: The endpoint's life, as ``run.json`` has it.
        model_identity: What the answers depend on besides frames and settings.
        calibration: The thresholds that the model was told; None where it needs none.
        question: Key of the question that a person was asked last.
        to_check: Sentences for that person on the places that most deserve a look.
        outside: Ids of the frames outside the area of interest.
    """

    ledger: list[Account]
    started: AwareDatetime
    endpoint: _Endpoint
    model_identity: str
    calibration: tuple[Threshold, ...] | None = None
    question: str
    to_check: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()

    @field_validator("ledger")
    @classmethod
    def _has_keys(cls, accounts: list[Account]) -> list[Account]:
        for job in (account.job for account in accounts):
            for key in (job.prepare_key, job.predict_key, job.extract_key):
                if not KEY.fullmatch(key):
                    raise ValueError(f"{key!r} is no key of a tile's files")
        return accounts

    def keep(self, work_directory: str, run: UUID) -> None:
        """Write them for a run."""
        values = self.model_dump(mode="json", exclude_unset=True)
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
            found = cls.model_validate(values)
        except ValidationError as error:
            raise UnusableArgument(
                f"{uri}: not what a run keeps for its review ({first_problem(error)}). Remove it, and the run begins "
                "anew, with what is in its cache"
            ) from error
        here = storage.resolve(work_directory)
        accounts = [replace(one, job=replace(one.job, work_directory=here)) for one in found.ledger]
        return found.model_copy(update={"ledger": accounts})


def forget(work_directory: str, run: UUID) -> None:
    """Remove those of a run that has ended."""
    storage.delete(run_records.findings_uri(work_directory, run))
