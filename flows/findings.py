"""What a run has found when it is suspended for a review, kept in the work directory until it has ended."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from tasks.core.ledger import Ledger
from tasks.services import run_store, storage


@dataclass(frozen=True)
class Findings:
    """All that the run needs to go on with in another process.

    Attributes:
        ledger: What became of each tile.
        started: When the run began, UTC.
        endpoint: The endpoint's life, as ``run.json`` has it.
        model_identity: What the answers depend on besides frames and settings.
        question: Key of the question that a person was asked last.
    """

    ledger: Ledger
    started: datetime
    endpoint: dict[str, Any]
    model_identity: str
    question: str

    def keep(self, work_directory: str, run: UUID) -> None:
        """Write them for a run."""
        values = {"ledger": self.ledger.to_list(), "started": self.started.isoformat(), "endpoint": self.endpoint}
        values |= {"model_identity": self.model_identity, "question": self.question}
        run_store.write(run_store.findings_uri(work_directory, run), values)

    @classmethod
    def of(cls, work_directory: str, run: UUID) -> Self | None:
        """Those of a run; None where it was not suspended."""
        values = run_store.read(run_store.findings_uri(work_directory, run))
        if values is None:
            return None
        ledger, started = Ledger.from_list(values["ledger"]), datetime.fromisoformat(values["started"])
        return cls(ledger, started, values["endpoint"], values["model_identity"], values["question"])


def forget(work_directory: str, run: UUID) -> None:
    """Remove those of a run that has ended."""
    storage.delete(run_store.findings_uri(work_directory, run))
