"""A local AWS for the demo: nothing else is in the reach of this process's clients while it runs."""

import importlib.util
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from infra.sandbox.client import Sandbox
from tasks.core.errors import FloodExtentError, UnusableArgument
from tasks.services import storage
from tasks.services.process_environment import changed_environment
from tasks.services.publishing import publishing
from tasks.services.temp_folders import temp_folder

BUCKET = "flood-extent-demo"
TRAINING_JOB = "flood-extent-demo-training"
# Short enough for a demo, long enough to be seen in the log. AWS does not always see at once what it has just created.
DELAYS = {"creating_seconds": 3.0, "deleting_seconds": 1.0, "stale_seconds": 1.0}


class EndpointLeft(FloodExtentError):
    """The demo's run has left something in SageMaker."""


@contextmanager
def sandbox_only(model: str = "water-index") -> Iterator[Sandbox]:
    """A local AWS, whose endpoints predict with a model, and nothing else in the reach of this process's AWS clients.

    Raises:
        UnusableArgument: The extra ``sandbox`` is not installed.
    """
    if importlib.util.find_spec("moto") is None or importlib.util.find_spec("sagemaker") is None:
        raise UnusableArgument('the demo on SageMaker needs the extra "sandbox": make install-sandbox')
    settings = [name for name in os.environ if name.startswith("AWS_") or name == "NO_PROXY"]
    with ExitStack() as stack:
        folder = stack.enter_context(temp_folder("sandbox"))
        # What AWS's clients read, the sandbox itself must not have either.
        stack.enter_context(changed_environment(dict.fromkeys(settings)))
        sandbox = Sandbox.start(folder / "log", model=model, **DELAYS)
        stack.callback(sandbox.stop)
        stack.enter_context(changed_environment(sandbox.environment))
        yield sandbox


def upload(scene: Path, sandbox: Sandbox) -> str:
    """Put the scene's frames into the sandbox's S3, and a finished training job into its SageMaker.

    Returns:
        The dataset's URI.
    """
    sandbox.settings(tags_by_role=True)
    sandbox.add_training_job(TRAINING_JOB)
    sandbox.create_bucket(BUCKET)
    dataset = f"s3://{BUCKET}/flights/{scene.name}"
    for path in sorted(scene.iterdir()):
        storage.write_bytes(storage.join(dataset, path.name), path.read_bytes())
    return dataset


def download(product: str, destination: Path) -> None:
    """Keep a copy of a product: the sandbox forgets all when it ends.

    Raises:
        OutputRefused: Another dataset's product is there.
    """
    with temp_folder("copy") as folder:
        for info in storage.list_objects(product):
            storage.fetch(info.uri, folder / info.relative_path)
        publishing.publish(folder, str(destination))


def check_nothing_left(sandbox: Sandbox) -> str:
    """A line that says so.

    Raises:
        EndpointLeft: Something is.
    """
    found = sandbox.resources()
    left = [*found.endpoints, *found.configs, *found.models]
    if left:
        raise EndpointLeft(f"left in SageMaker: {', '.join(left)}. Please report this")
    return "left in SageMaker: 0 endpoints, 0 endpoint configurations, 0 models"
