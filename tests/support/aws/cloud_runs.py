"""Runs on SageMaker as tests use them: the command line on the sandbox, and what is left there."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cloud
from command_line import ROOT, CommandLine, Scene

from infra.sandbox.client import REGION, Sandbox
from tasks.services.endpoints.teardown.sagemaker_resources import run_of

JOB = "flood-model"
WAIT_SECONDS = 120
POLL_SECONDS = 0.05
# Somebody else's: one that has nothing of ours, one that starts like ours, and one that is named just like ours.
OTHERS = ("production", "flood-extent-production", f"flood-extent-{'0' * 32}-1")
THEIRS = {"project": "theirs"}


@dataclass
class CloudRuns:
    """The command line against a sandbox that holds a training job, and what somebody else has there.

    Attributes:
        command: The command line, with the sandbox in its environment.
        sandbox: The local AWS.
        scene: What to run on.
        others: Names of somebody else's endpoints, configurations and models.
    """

    command: CommandLine
    sandbox: Sandbox
    scene: Scene
    others: frozenset[str] = field(default_factory=frozenset)

    def arguments(self, *more: str) -> list[str]:
        """Of a run on SageMaker."""
        return ["run", str(self.scene.dataset), "--endpoint", "sagemaker", "--training-job", JOB, *more]

    def run(self, *more: str) -> tuple[int, str]:
        """A run to its end: exit status, and what it printed."""
        return self.command(*self.arguments(*more))

    def python(self, code: str, **environment: str) -> str:
        """Run Python code in the command line's folder, as a notebook or a Lambda might; what it printed."""
        variables = {**os.environ, **self.command.environment, **environment, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", code]
        done = subprocess.run(
            command, cwd=self.command.folder, env=variables, capture_output=True, text=True, timeout=240, check=False
        )
        return f"{done.stdout}{done.stderr}"

    def sweep(self, *more: str, **environment: str) -> tuple[int, str]:
        """One sweep: exit status, and what it printed."""
        return self.command("sweep", *more, **environment)

    def sweep_until_clean(self) -> str:
        """Sweep, as a schedule would, until nothing of ours is left; what the sweeps printed."""
        deadline = time.monotonic() + WAIT_SECONDS
        said = ""
        while self.left() and time.monotonic() < deadline:
            said += self.sweep()[1]
        return said

    def let_leases_lapse(self) -> None:
        """Half an hour later, as far as leases tell: those of ours have ended."""
        client, found = client_of(self.sandbox), self.sandbox.resources()
        lapsed = [{"Key": "lease-until", "Value": "2020-01-01T00:00:00Z"}]
        paths = {"endpoint": found.endpoints, "endpoint-config": found.configs, "model": found.models}
        for path, names in (paths | {"transform-job": found.transforms}).items():
            for name in names.keys() - self.others:
                arn = f"arn:aws:sagemaker:{REGION}:123456789012:{path}/{name}"
                client.add_tags(ResourceArn=arn, Tags=lapsed)

    def host_for(self, name: str, tags: dict[str, str] | None = None) -> None:
        """Host a model under a name, with somebody else's tags unless told otherwise."""
        self._owner().three(name, THEIRS if tags is None else tags)

    def host_for_somebody_else(self, *names: str) -> None:
        """Host models that are not ours, and must be there at the end."""
        for name in names:
            self._owner().three(name, THEIRS, wait=False)
        self.others |= set(names)

    def _owner(self) -> cloud.Cloud:
        return cloud.Cloud(self.sandbox, client_of(self.sandbox))

    def ours(self) -> dict[str, dict[str, Any]]:
        """Endpoints that are not the others', with their details."""
        found = self.sandbox.resources().endpoints
        return {name: endpoint for name, endpoint in found.items() if name not in self.others}

    def left(self) -> set[str]:
        """Names of what exists and is not the others'."""
        return self.everything() - self.others

    def everything(self) -> set[str]:
        """Names of all endpoints, configurations, models, scalable targets, and transform jobs that have not ended."""
        found = self.sandbox.resources()
        jobs = {name for name, one in found.transforms.items() if one["status"] in ("InProgress", "Stopping")}
        return {*found.endpoints, *found.configs, *found.models, *jobs, *found.targets}

    def transforming(self) -> list[str]:
        """Names of transform jobs in progress."""
        return sorted(
            name for name, one in self.sandbox.resources().transforms.items() if one["status"] == "InProgress"
        )

    def wait_for(self, there: Callable[[], Any]) -> None:
        """Return when it is true; fail the test where it does not become so."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not there():
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(POLL_SECONDS)

    def wait_until_clean(self) -> None:
        """Return when nothing of ours is left and the others' is untouched; fail the test where that does not come."""
        self.wait_for(lambda: self.everything() == self.others)

    def is_deploying(self) -> bool:
        """Whether an endpoint of ours is being created."""
        return any(run_of(name) for name in self.ours())

    def is_predicting(self) -> bool:
        """Whether tiles have been sent."""
        return self.sandbox.requests().get("InvokeEndpoint", 0) > 0

    def log(self) -> str:
        """The log files of all runs."""
        return "".join(path.read_text() for path in sorted((self.command.folder / "logs").glob("*.log")))


SIGNALS = {"Ctrl-C": (signal.SIGINT, 130), "SIGTERM": (signal.SIGTERM, 143)}
PHASES = {"deploying": CloudRuns.is_deploying, "predicting": CloudRuns.is_predicting}


def make_cloud(command: CommandLine, sandbox: Sandbox, scene: Scene) -> CloudRuns:
    """A cloud with a training job and somebody else's endpoints."""
    sandbox.settings(tags_by_role=True)
    sandbox.add_training_job(JOB)
    settings = {**command.environment, **sandbox.environment}
    made = CloudRuns(CommandLine(command.folder, settings), sandbox, scene)
    made.host_for_somebody_else(*OTHERS)
    sandbox.forget_requests()
    return made


def on_sagemaker(cloud: CloudRuns) -> dict[str, str]:
    """Parameters of a deployment's run on SageMaker."""
    return {"dataset": str(cloud.scene.dataset), "endpoint": "sagemaker", "training_job": JOB}


def client_of(sandbox: Sandbox, service: str = "sagemaker") -> Any:
    """boto3's client for the sandbox."""
    import boto3  # noqa: PLC0415 - half a second

    session = boto3.Session("testing", "testing", region_name=REGION)
    return session.client(service, endpoint_url=sandbox.url)


def files_below(folder: Path) -> str:
    """All text of all files below a folder, as far as it is text: to look for what must not be there."""
    return "\n".join(path.read_text(errors="replace") for path in sorted(folder.rglob("*")) if path.is_file())
