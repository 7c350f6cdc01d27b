"""A flow run as a container's main process: ``prefect flow-run execute`` under an init, in a PID namespace of its own.

ECS starts Prefect's image like that, and stops a task by SIGTERM to the init. When the init ends, the kernel kills
whatever is left in the namespace: that is the end of a container.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml
from command_line import ROOT

# What tini and Docker's own init do: start one command, pass signals on, reap orphans, end as the command ends.
INIT = """
import os, signal, sys

child = os.fork()
if not child:
    os.execvp(sys.argv[1], sys.argv[1:])
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda number, _: os.kill(child, number))
while True:
    pid, status = os.wait()
    if pid == child:
        sys.exit(os.waitstatus_to_exitcode(status) & 0xFF)
"""
NAMESPACES = (
    ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"],
    ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child"],
)


@cache
def namespace() -> Sequence[str]:
    """The command that gives a PID namespace of its own; empty where this machine grants none."""
    for words in NAMESPACES if shutil.which("unshare") else ():
        if subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0:
            return words
    return ()


def variables_on_ecs() -> dict[str, str]:
    """Environment that ``prefect.yaml`` gives the runs of ``flood-extent/aws``."""
    registry: dict[str, Any] = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    deployment = next(one for one in registry["deployments"] if one["name"] == "aws")
    return dict(deployment["work_pool"]["job_variables"]["env"])


@dataclass(frozen=True)
class Container:
    """A running container.

    Attributes:
        process: Its outermost process on this machine.
        log: What it has printed.
    """

    process: subprocess.Popen[bytes]
    log: Path

    def stop(self) -> None:
        """SIGTERM to the init, as ECS does it."""
        os.kill(self._init(), signal.SIGTERM)

    def wait(self) -> int:
        """Its exit status."""
        return self.process.wait(120)

    def _init(self) -> int:
        if not namespace():
            return self.process.pid
        # unshare waits for the init, which it has forked into the new namespace.
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0])


@contextmanager
def container(run: UUID, folder: Path, environment: Mapping[str, str]) -> Iterator[Container]:
    """A flow run as ECS executes it, killed at the end of the block.

    Args:
        run: To execute.
        folder: Its working directory; its log is there.
        environment: On top of this process's and of what the deployment gives.
    """
    variables = {**os.environ, **variables_on_ecs(), **environment, "PREFECT__FLOW_RUN_ID": str(run)}
    command = [*namespace(), sys.executable, "-c", INIT, sys.executable, "-m", "prefect", "flow-run", "execute"]
    log = folder / f"container-{len(list(folder.glob('container-*')))}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=variables, cwd=folder, stdout=output, stderr=output)
    try:
        yield Container(process, log)
    finally:
        process.kill()
        process.wait(30)
