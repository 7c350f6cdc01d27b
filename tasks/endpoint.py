"""The endpoint's life within a run: its name comes first, its end is certain."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from prefect.futures import PrefectFuture
from prefect.logging import get_run_logger
from prefect.task_runners import TaskRunner

from tasks.core.errors import FloodExtentError
from tasks.policies import run_task
from tasks.services.endpoint_kinds import endpoint_service
from tasks.services.endpoints import Deployment


def endpoint_name(flow_run_id: UUID, attempt: int = 1) -> str:
    """The name of a run's endpoint, known before anything is created: whoever knows the run can delete it."""
    return f"flood-extent-{flow_run_id.hex}-{attempt}"


@run_task(name="deploy-endpoint", task_run_name="deploy {name}")
def deploy_endpoint(kind: str, model: str, name: str) -> dict[str, Any]:
    """Create the endpoint and wait until it answers."""
    get_run_logger().info("deploying endpoint %s", name)
    return endpoint_service(kind, model).deploy(name).to_dict()


@dataclass
class EndpointLife:
    """One endpoint of a run, from its name to its end.

    Attributes:
        kind: ``local`` or ``sagemaker``.
        model: What it serves.
        name: Fixed before anything is created.
        times: When it was ``created``, ``in_service`` and ``deleted``, UTC; empty where none was needed.
        error: Why it could not be deployed.
    """

    kind: str
    model: str
    name: str
    times: dict[str, datetime] = field(default_factory=dict)
    error: str | None = None
    _deploying: PrefectFuture[dict[str, Any]] | None = None

    def start(self, runner: TaskRunner[Any]) -> None:
        """Begin deploying, while tiles are being prepared; ``runner`` works in this process."""
        self.times["created"] = datetime.now(UTC)
        parameters = {"kind": self.kind, "model": self.model, "name": self.name}
        self._deploying = runner.submit(deploy_endpoint, parameters)

    def deployed(self) -> Deployment | None:
        """Wait for the endpoint; None where none was started or it could not be deployed (``error`` says why)."""
        if self._deploying is None:
            return None
        outcome = self._deploying.result(raise_on_failure=False)
        if isinstance(outcome, dict):
            self.times["in_service"] = datetime.now(UTC)
            return Deployment.from_dict(outcome)
        self.error = f"the endpoint could not be deployed: {outcome}"
        if not isinstance(outcome, FloodExtentError):
            self.error += ". The run's log has the details"
        return None

    def end(self) -> None:
        """Delete the endpoint, whatever state it is in: plain code, no task, so nothing can keep it from running."""
        if self.times:
            endpoint_service(self.kind, self.model).delete(self.name)
            self.times["deleted"] = datetime.now(UTC)

    def to_dict(self) -> dict[str, Any]:
        """For the run's record."""
        times = {name: moment.isoformat(timespec="seconds") for name, moment in self.times.items()}
        return {"kind": self.kind, "model": self.model, "name": self.name if times else None, **times}
