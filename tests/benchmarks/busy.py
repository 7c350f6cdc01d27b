"""How much of the time for which an endpoint is ready, and billed, it has something to answer.

The whole flow on the local AWS, with a real Prefect server. Deploying takes seven minutes, a prediction five seconds,
and a frame of 100 megapixels some two seconds to fetch and prepare. All of that is ``FASTER`` times as fast here: the
deploy and the pauses between two looks at it, the prediction, and the frames, which are so small that preparing one
takes some tenths of a second. What Prefect and the client spend on a tile is not. The share is printed as the run's
record has it, and as the local AWS's own list of calls has it: of the time from InService to the call that deletes the
endpoint, what at least one invocation was under way.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from own_server import own_server

from infra.sandbox.client import Sandbox
from tasks.core.tiles.estimates import DEPLOY_MINUTES
from tasks.services.child_process import ROOT
from tasks.services.process_environment import changed_environment

FASTER, TILE_PX, PREDICT_S = 10.0, 256, 5.0
DEPLOY_S = DEPLOY_MINUTES * 60 / FASTER
AIM, JOB = 0.9, "flood-model"


@dataclass(frozen=True, slots=True)
class Case:
    """A run.

    Attributes:
        what: In words.
        tiles: How many.
        predict_s: What a prediction really takes; expected are ``PREDICT_S``.
    """

    what: str
    tiles: int
    predict_s: float = PREDICT_S


CASES = (
    Case("predictions as long as expected", 200),
    Case("three times as fast as expected", 200, PREDICT_S / 3),
    Case("few tiles, all prepared before it is ready", 40),
)


@dataclass(frozen=True, slots=True)
class Figures:
    """What became of a run.

    Attributes:
        recorded: The share by the run's record.
        counted: The share by the sandbox's calls.
        ready_s: Seconds for which it was ready.
        created_s: Seconds from the first call of the run to the endpoint's creation.
    """

    recorded: float
    counted: float
    ready_s: float
    created_s: float


def run() -> None:
    """Print the share of each case, by the record and by the calls."""
    with (
        changed_environment({"PYTHONPATH": str(ROOT), "PREFECT_API_URL": None}),
        tempfile.TemporaryDirectory(prefix="flood-extent-benchmark-") as place,
        own_server(Path(place)),
    ):
        print(
            f"busy: deploy {DEPLOY_S:.0f} s, prediction {PREDICT_S / FASTER:g} s: {FASTER:g} times as fast as "
            f"{DEPLOY_MINUTES:g} minutes and {PREDICT_S:g} s; share of its ready time in which the endpoint is asked "
            f"(aim: {AIM:.0%})\n  tiles  by the record  by the calls  ready s  created after s"
        )
        for number, case in enumerate(CASES):
            found = _measured(case, Path(place) / str(number))
            print(
                f"  {case.tiles:5}  {found.recorded:13.1%}  {found.counted:12.1%}  {found.ready_s:7.1f}  "
                f"{found.created_s:15.1f}  {case.what}",
                flush=True,
            )


def _measured(case: Case, folder: Path) -> Figures:
    from many_tiles import make_tiles  # noqa: PLC0415 - of tests/support, which __main__ adds to the path

    dataset = make_tiles(folder / "tiles", case.tiles, TILE_PX)
    sandbox = Sandbox.start(folder / "sandbox", creating_seconds=DEPLOY_S)
    try:
        sandbox.add_training_job(JOB)
        sandbox.fault("InvokeEndpoint", "hang", times=None, seconds=case.predict_s / FASTER)
        sandbox.forget_requests()
        with changed_environment(sandbox.environment):
            record = _run(dataset, folder)
        return _figures(record, sandbox.calls())
    finally:
        sandbox.stop()


def _run(dataset: Path, folder: Path) -> Mapping[str, Any]:
    script, said = Path(__file__).with_name("busy_run.py"), folder / "said"
    expected = ["--predict-seconds", str(PREDICT_S / FASTER), "--calibration", "70"]
    asked = ["run", dataset, "--endpoint", "sagemaker", "--training-job", JOB, *expected]
    with said.open("w") as output:
        command = [sys.executable, script, f"{FASTER}", *asked]
        done = subprocess.run(list(map(str, command)), cwd=folder, stdout=output, stderr=output, check=False)
    if done.returncode:
        raise RuntimeError(f"the flow ended with status {done.returncode}:\n{said.read_text()}")
    record: dict[str, Any] = json.loads((folder / "out" / dataset.name / "run.json").read_bytes())
    return record


def _figures(record: Mapping[str, Any], calls: Sequence[Mapping[str, Any]]) -> Figures:
    (create,) = (one for one in calls if one["operation"] == "CreateEndpoint")
    ready = create["began"] + DEPLOY_S
    deleted = min(one["began"] for one in calls if one["operation"] == "DeleteEndpoint")
    asked = [(one["began"], one["ended"]) for one in calls if one["operation"] == "InvokeEndpoint"]
    created_s = create["began"] - min(one["began"] for one in calls)
    recorded = record["endpoint"]["busy_percent"] / 100
    return Figures(recorded, _covered(asked) / (deleted - ready), deleted - ready, created_s)


def _covered(spans: Iterable[tuple[float, float]]) -> float:
    """Seconds in at least one of the spans."""
    covered, until = 0.0, float("-inf")
    for began, ended in sorted(spans):
        covered += max(0.0, ended - max(began, until))
        until = max(until, ended)
    return covered
