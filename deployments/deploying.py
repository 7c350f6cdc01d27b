"""Brings deployments of ``prefect.yaml`` up to date on the server at hand, and leaves what people have set there.

``prefect deploy`` alone puts the schedules of the file in the place of those that somebody set in the UI, and switches
every trigger as the file has it.
"""

import os
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, DeploymentUpdate
from prefect.client.schemas.responses import DeploymentResponse

from deployments.automations import deployment_of, switch, switches
from tasks.core.errors import FloodExtentError

ROOT = Path(__file__).resolve().parents[1]
REGISTRY = ROOT / "prefect.yaml"
DEPLOY_SECONDS = 300
SCHEDULE = ("schedule", "active", "max_scheduled_runs", "parameters", "slug")


class NotDeployed(FloodExtentError):
    """A deployment was not made, or not brought up to date."""


def deploy(names: Sequence[str], variables: Mapping[str, str], decided: Collection[str] = ()) -> None:
    """Deploy, and put schedules, switches and parameters back as people had set them.

    Of the parameters those that ``prefect.yaml`` has are as it says.

    Args:
        names: Of deployments in ``prefect.yaml``, each with its flow's.
        variables: That ``prefect.yaml`` reads, on top of this process's environment.
        decided: Names of automations that are to be on or off as deployed, whatever they were.

    Raises:
        NotDeployed: With what ``prefect deploy`` said.
    """
    with get_client(sync_client=True) as client:
        there, switched = {name: found for name in names if (found := deployment_of(client, name))}, switches()
        _prefect_deploy(names, variables)
        switch({name: is_on for name, is_on in switched.items() if name not in decided})
        for name, before in there.items():
            _restore(client, name, before)


def _prefect_deploy(names: Sequence[str], variables: Mapping[str, str]) -> None:
    if not REGISTRY.exists():
        raise NotDeployed(f"{REGISTRY} is missing: deploying needs the project's folder, not a copy of parts")
    options = [word for name in names for word in ("--name", name)]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "prefect", "--no-prompt", "deploy", *options],
            cwd=ROOT,
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEPLOY_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NotDeployed(f"prefect deploy {' '.join(options)} took longer than {DEPLOY_SECONDS} s") from error
    if done.returncode:
        raise NotDeployed(f"prefect deploy {' '.join(options)} ended with status {done.returncode}:\n{done.stdout}")


def _restore(client: SyncPrefectClient, name: str, before: DeploymentResponse) -> None:
    deployment = client.read_deployment_by_name(name)
    parameters = {**before.parameters, **deployment.parameters}
    client.update_deployment(deployment.id, DeploymentUpdate(parameters=parameters))
    for schedule in deployment.schedules:
        client.delete_deployment_schedule(deployment.id, schedule.id)
    fields = [{field: getattr(schedule, field) for field in SCHEDULE} for schedule in before.schedules]
    again = [DeploymentScheduleCreate.model_validate(one) for one in fields]
    if again:
        client.create_deployment_schedules(deployment.id, again)
