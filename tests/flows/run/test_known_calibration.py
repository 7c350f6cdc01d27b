"""What a run knows of its calibration before a tile is prepared."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tile_jobs import kept, tile_job

from flows.parameters import RunParameters
from flows.run.completion import EarlierRun
from flows.run.known_calibration import by_tile, description, known_calibration
from tasks.calibration import histograms_of
from tasks.core.models.nir_threshold import Threshold

ROWS = [{"tile": f"{name}.jp2", "state": "done", "error": None} for name in "ab"]
FOUND = {"nir": 64, "tiles": 4, "water": 24, "land": 183, "floor": [41, 100], "problem": None}


def parameters(**values: Any) -> RunParameters:
    return RunParameters(dataset="/data/town", **values)


def earlier(calibration: Any, rows: Any = ROWS) -> EarlierRun:
    return EarlierRun("run.json", {"calibration": calibration, "tiles": rows})


def test_a_given_threshold_is_every_usable_tiles(tmp_path: Path) -> None:
    """Also for an endpoint in SageMaker, whose container may take it."""
    jobs = [tile_job(str(tmp_path), "a"), tile_job(str(tmp_path), "b", problem="cut short")]
    on_sagemaker = parameters(calibration=70, endpoint="sagemaker", training_job="flood")
    for asked in (parameters(calibration=70), on_sagemaker):
        assert known_calibration(asked, jobs, earlier([FOUND])) == (Threshold(70, ("a.jp2",)),)


def test_other_models_need_none(tmp_path: Path) -> None:
    """What SageMaker or ONNX answer does not depend on it; to give one to ONNX is refused."""
    for asked in (parameters(model="m.onnx"), parameters(endpoint="sagemaker", training_job="flood")):
        assert known_calibration(asked, [kept(tmp_path)], None) is None
    with pytest.raises(ValueError, match="`calibration` is for the model water-index"):
        parameters(model="m.onnx", calibration=70)


def test_it_is_known_once_every_tile_was_prepared(tmp_path: Path) -> None:
    """Of prepared tiles it is found; one that was not leaves it open."""
    prepared = [kept(tmp_path, name) for name in "ab"]
    found = known_calibration(parameters(), prepared, None)
    assert found is not None
    assert by_tile(found) == dict.fromkeys(["a.jp2", "b.jp2"], found[0].split)
    assert known_calibration(parameters(), [*prepared, tile_job(str(tmp_path), "c")], None) is None


def test_a_completed_run_keeps_its_own(tmp_path: Path) -> None:
    """With another one all its tiles would have to be done again."""
    jobs = [tile_job(str(tmp_path), name) for name in "ab"]
    found = known_calibration(parameters(), jobs, earlier([FOUND]))
    assert found == (Threshold(64, ("a.jp2", "b.jp2"), 24, 183, (41, 100)),)


@pytest.mark.parametrize(
    "found", [None, [], [FOUND, FOUND], [FOUND | {"problem": "no water was found"}], [FOUND | {"tiles": 0}]]
)
def test_a_threshold_that_may_be_another_is_not_kept(found: Any) -> None:
    """One of several, a doubtful one, one of fewer than half of the tiles: what it is shows when all are prepared."""
    assert earlier(found).threshold is None


def test_a_dropped_tile_takes_no_part(tmp_path: Path) -> None:
    """Nor does one that is not prepared, in a plan."""
    jobs = [kept(tmp_path, name) for name in "ab"]
    dropped = [ROWS[0], ROWS[1] | {"state": "dropped", "error": "glare"}]
    (found,) = known_calibration(parameters(), jobs, earlier(None, dropped)) or ()
    assert found.tiles == ("a.jp2",)
    more = [*jobs, tile_job(str(tmp_path), "c")]
    (found,) = known_calibration(parameters(), more, None, provisional=True) or ()
    assert found.tiles == ("a.jp2", "b.jp2")


def test_a_person_reads_what_it_is_and_what_is_wrong() -> None:
    """With medians where they are known, and what to do where it is none."""
    assert description(Threshold(64, ("a", "b"), 24, 183)) == (
        "calibration of 2 tiles: water has near infrared below 64 (medians: water 24, land 183)"
    )
    doubtful = description(Threshold(60, ("a",), land=180, problem="no water was found"))
    assert doubtful.startswith("calibration of 1 tile: water has near infrared below 60 (medians: land 180): no water")
    assert doubtful.endswith("give `calibration`")


def test_histograms_are_those_of_the_records(tmp_path: Path) -> None:
    """Nothing else of a tile is read."""
    job = kept(tmp_path)
    for uri in (job.jpegs_uri, job.valid_uri, job.preview_uri):
        Path(uri).unlink()
    assert np.array_equal(histograms_of([job])[job.tile.id], np.zeros((2, 256)))
