"""What a run knows of its calibration before a tile is prepared."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tile_jobs import kept, tile_job

from flows.parameters import RunParameters
from flows.preflight import check
from flows.run.completion import EarlierRun
from flows.run.known_calibration import by_tile, description, known_calibration
from tasks.calibration import histograms_of
from tasks.core.errors import UnusableArgument
from tasks.core.models.nir_threshold import Threshold

FOUND = {"nir": 64, "tiles": 4, "water": 24, "land": 183, "floor": [41, 100], "problem": None}
EARLIER = Threshold(64, (), 24, 183, (41, 100))


def parameters(**values: Any) -> RunParameters:
    return RunParameters(dataset="/data/town", **values)


def test_a_given_threshold_is_every_usable_tiles(tmp_path: Path) -> None:
    """Also for an endpoint in SageMaker, whose container may take it."""
    jobs = [tile_job(str(tmp_path), "a"), tile_job(str(tmp_path), "b", problem="cut short")]
    on_sagemaker = parameters(calibration=70, endpoint="sagemaker", training_job="flood")
    for asked in (parameters(calibration=70), on_sagemaker):
        assert known_calibration(asked, jobs, EARLIER) == (Threshold(70, ("a.jp2",)),)


def test_other_models_need_none(tmp_path: Path) -> None:
    """What SageMaker or ONNX answer does not depend on it; to give one to ONNX is refused."""
    for asked in (parameters(model="m.onnx"), parameters(endpoint="sagemaker", training_job="flood")):
        assert known_calibration(asked, [kept(tmp_path)], None) is None
    with pytest.raises(UnusableArgument, match="`calibration` is for the model water-index"):
        check(RunParameters(dataset=str(tmp_path), model="m.onnx", calibration=70))


def test_it_is_known_once_every_tile_was_prepared(tmp_path: Path) -> None:
    """Of prepared tiles it is found; one that was not leaves it open."""
    prepared = [kept(tmp_path, name) for name in "ab"]
    found = known_calibration(parameters(), prepared, None)
    assert found is not None
    assert by_tile(found) == dict.fromkeys(["a.jp2", "b.jp2"], found[0].nir)
    assert known_calibration(parameters(), [*prepared, tile_job(str(tmp_path), "c")], None) is None


def test_a_completed_run_keeps_its_own(tmp_path: Path) -> None:
    """With another one all its tiles would have to be done again."""
    jobs = [tile_job(str(tmp_path), name) for name in "ab"]
    found = known_calibration(parameters(), jobs, EarlierRun("run.json", {"calibration": [FOUND]}).threshold)
    assert found == (Threshold(64, ("a.jp2", "b.jp2"), 24, 183, (41, 100)),)


@pytest.mark.parametrize("found", [None, [], [FOUND, FOUND], [FOUND | {"problem": "no water was found"}]])
def test_several_thresholds_or_a_doubtful_one_are_not_kept(found: Any) -> None:
    """Which of several a tile belongs to, and what a doubtful one would have been, shows once all are prepared."""
    assert EarlierRun("run.json", {"calibration": found}).threshold is None


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
    for uri in (job.jpeg_uri, job.valid_uri, job.preview_uri):
        Path(uri).unlink()
    assert np.array_equal(histograms_of([job])[job.tile.id], np.zeros((2, 256)))
