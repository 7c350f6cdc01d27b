"""How the tasks of tiles fail and are tried again."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from command_line import ROOT
from prefect import State, Task, flow
from prefect.futures import PrefectFuture, wait
from prefect.states import Failed
from prefect.task_runners import ThreadPoolTaskRunner
from tile_jobs import tile_job

from tasks.core.errors import CutShort, EndpointUnavailable, TransientError
from tasks.core.tiles.jobs import TileJob
from tasks.runtime.policies import is_transient, tile_task


def test_a_local_work_directory_needs_no_aws(tmp_path: Path) -> None:
    """The flow imports nothing of the extra "aws": it takes time and may not be there."""
    code = """if True:
        import sys
        import flows.flood_extent
        print(*sorted({"prefect_aws", "sagemaker"} & set(sys.modules)))
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PREFECT_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def failing(errors: list[Exception]) -> Task[..., Any]:
    """A tile task that raises these in turn for the tile a, then answers."""

    @tile_task("predict", retries=3, cached_by="predict_key")
    def predict(job: TileJob) -> dict[str, Any]:
        if errors and job.name == "a":
            raise errors.pop(0)
        return {"seconds": 1.5}

    return predict.with_options(retry_delay_seconds=0)


def two_tiles(task: Task[..., Any]) -> list[State[Any]]:
    """Submit the task for two tiles and wait."""

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=2), persist_result=False)
    def submitting() -> None:
        futures.extend(task.submit(tile_job("/work", name).to_dict()) for name in "ab")
        wait(futures)

    futures: list[PrefectFuture[Any]] = []
    submitting()
    return [future.state for future in futures]


@pytest.mark.usefixtures("prefect_api")
def test_a_failed_tile_says_what_to_do_and_why() -> None:
    """The red task run's message is for the analyst first; below is the cause."""
    states = two_tiles(failing([CutShort("a.jp2: cut short. Fetch it again")]))
    assert [(state.type.value, state.message) for state in states] == [
        ("FAILED", "a.jp2: cut short. Fetch it again\n\nTechnical cause: CutShort"),
        ("COMPLETED", None),
    ]
    assert isinstance(states[0].result(raise_on_failure=False), CutShort)


@pytest.mark.usefixtures("prefect_api")
def test_what_passes_is_tried_again() -> None:
    """A tile that answers at last is as good as any."""
    errors: list[Exception] = [EndpointUnavailable("away"), EndpointUnavailable("away")]
    assert [state.name for state in two_tiles(failing(errors))] == ["Completed", "Completed"]
    assert errors == []


@pytest.mark.parametrize(
    ("error", "helps"),
    [(TransientError("x"), True), (EndpointUnavailable("x"), True), (CutShort("x"), False), (KeyError("x"), False)],
)
def test_only_transient_errors_are_retried(error: Exception, helps: bool) -> None:
    """A cut file stays cut: trying it again only costs time."""
    assert is_transient(None, None, Failed(data=error)) is helps  # type: ignore[arg-type]
