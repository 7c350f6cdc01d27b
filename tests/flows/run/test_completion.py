"""Completing an earlier run: whose record it is, which settings hold, what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from edits import edits

from flows.parameters import RunParameters
from flows.run.completion import EarlierRun, completed_parameters
from tasks.core.errors import UnusableArgument
from tasks.core.geo.grid import Grid
from tasks.core.tiles.tile import Tile
from tasks.services.endpoints.endpoint_kinds import endpoint_service

RUN = "0b2c1e2e-0c9a-4a57-9c3b-3a1d9e6f0a11"
ROWS = [
    {"tile": "a.jp2", "state": "done", "warnings": [], "error": None},
    {"tile": "b.jp2", "state": "failed", "warnings": [], "error": "cut short"},
    {"tile": "c.jp2", "state": "dropped", "warnings": [], "error": "dropped in review: glare"},
]


@pytest.fixture
def earlier(tmp_path: Path) -> RunParameters:
    """The parameters of a run that has left its record with its product."""
    parameters = RunParameters(
        dataset=str(tmp_path / "frames"),
        output_directory=str(tmp_path / "out"),
        work_directory=str(tmp_path / "work"),
        width=800,
    )
    keep(parameters, tmp_path / "out" / "frames" / "run.json")
    return parameters


def keep(parameters: RunParameters, path: Path, **changed: Any) -> None:
    identity = endpoint_service(parameters.endpoint_spec()).model_identity()
    record = {"dataset": parameters.dataset, "flow_run_id": RUN, "model_identity": identity, "tiles": ROWS}
    record |= {"parameters": parameters.model_dump(mode="json"), "review": None, **changed}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record))


def again(tmp_path: Path, named: str, **more: Any) -> RunParameters:
    return RunParameters(
        dataset=str(tmp_path / "frames"), output_directory=str(tmp_path / "out"), only_failed_of=named, **more
    )


def tiles(*names: str) -> list[Tile]:
    grid = Grid(10, 10, (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), "EPSG:7855")
    return [Tile(name, f"/frames/{name}", 1, "hash", grid=grid) for name in names]


@pytest.mark.parametrize("named", [RUN, "out/frames", "out/frames/", "out/frames/run.json"])
def test_settings_and_product_are_the_earlier_runs(tmp_path: Path, earlier: RunParameters, named: str) -> None:
    """An id, a product's folder or its record name the same run; what is not asked for is as it was there."""
    where = named if named == RUN else f"{tmp_path}/{named}"
    mine = again(tmp_path, where, work_directory=str(tmp_path / "mine"))
    parameters, found = completed_parameters(mine)
    assert (parameters.width, parameters.output_directory) == (800, earlier.output_directory)
    assert parameters.work_directory == mine.work_directory  # a record cannot say where files are written
    assert found is not None
    assert found.dropped == {"c.jp2": "dropped in review: glare"}


def test_a_setting_that_differs_is_refused(tmp_path: Path, earlier: RunParameters) -> None:
    """Tiles of two scales do not make one map; a default counts where it was asked for by name."""
    assert earlier.width == 800
    with pytest.raises(UnusableArgument, match=r"`width` 500.*800"):
        completed_parameters(again(tmp_path, RUN, width=500))
    with pytest.raises(UnusableArgument, match="`width` 1000"):
        completed_parameters(again(tmp_path, RUN, width=1000), explicit={"width"})


def test_the_class_map_is_the_earlier_runs(tmp_path: Path, earlier: RunParameters) -> None:
    """Tiles by two maps do not make one."""
    (tmp_path / "m.onnx").write_bytes(b"\x08\x08")  # the version of its format alone: enough to be told apart
    then = earlier.model_copy(update={"model": str(tmp_path / "m.onnx"), "labels": [0, 1, 3]})
    keep(then, tmp_path / "out" / "frames" / "run.json")
    assert completed_parameters(again(tmp_path, RUN))[0].labels == [0, 1, 3]
    with pytest.raises(UnusableArgument, match=r"`labels` \[0, 1, 2\].*\[0, 1, 3\]"):
        completed_parameters(again(tmp_path, RUN, model=then.model, labels=[0, 1, 2]))


def test_another_place_than_the_products_is_refused(tmp_path: Path, earlier: RunParameters) -> None:
    """Who names a product to complete and another output means two things at once."""
    assert earlier.width == 800
    asked = again(tmp_path, f"{tmp_path}/out/frames").model_copy(update={"output_directory": "elsewhere"})
    with pytest.raises(UnusableArgument, match="elsewhere"):
        completed_parameters(asked, explicit={"output_directory"})


def test_a_reviewers_contour_size_holds(tmp_path: Path, earlier: RunParameters) -> None:
    """What a person raised in review is what the product was made with."""
    keep(earlier, tmp_path / "out" / "frames" / "run.json", review={"min_contour_size": 90.0})
    assert completed_parameters(again(tmp_path, RUN))[0].min_contour_size == 90.0


def test_a_record_of_an_earlier_version_can_be_completed(tmp_path: Path, earlier: RunParameters) -> None:
    """Settings that it did not know are those that its run had without knowing: the defaults."""
    assert earlier.width == 800
    path = tmp_path / "out" / "frames" / "run.json"
    record = json.loads(path.read_text())
    for name in ("confidence", "chip_px", "chip_overlap_px", "endpoint_url"):
        del record["parameters"][name]
    path.write_text(json.dumps(record))
    parameters, _ = completed_parameters(again(tmp_path, RUN))
    assert (parameters.width, parameters.confidence, parameters.chips) == (800, "auto", None)


def test_another_model_is_refused(tmp_path: Path, earlier: RunParameters) -> None:
    """Tiles that another model answered do not fit the others."""
    keep(earlier, tmp_path / "out" / "frames" / "run.json", model_identity="another")
    with pytest.raises(UnusableArgument, match="model has changed"):
        completed_parameters(again(tmp_path, RUN))


def test_another_dataset_is_refused(tmp_path: Path, earlier: RunParameters) -> None:
    """The record says whose it is."""
    keep(earlier, tmp_path / "out" / "frames" / "run.json", dataset="/elsewhere")
    with pytest.raises(UnusableArgument, match="/elsewhere"):
        completed_parameters(again(tmp_path, f"{tmp_path}/out/frames"))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"dataset": 1, "flow_run_id": 2, "parameters": 3, "tiles": 4}'])
def test_what_is_no_record_is_refused_by_name(tmp_path: Path, earlier: RunParameters, content: str) -> None:
    """A damaged file ends in words, not in a traceback."""
    assert earlier.only_failed_of is None
    (tmp_path / "out" / "frames" / "run.json").write_text(content)
    with pytest.raises(UnusableArgument, match=r"run\.json"):
        completed_parameters(again(tmp_path, f"{tmp_path}/out/frames"))


def test_an_unknown_run_says_where_it_was_looked_for(tmp_path: Path) -> None:
    """A mistyped id names the places, so that a person sees which directory is missing."""
    with pytest.raises(UnusableArgument, match=r"work/runs/.*out/frames/run\.json"):
        completed_parameters(again(tmp_path, RUN, work_directory=str(tmp_path / "work")))


def test_a_dataset_that_has_changed_is_refused(tmp_path: Path, earlier: RunParameters) -> None:
    """A product is complete only for the tiles that its run saw."""
    assert earlier.width == 800
    found = EarlierRun.find(again(tmp_path, RUN))
    found.check_tiles(tiles("a.jp2", "b.jp2", "c.jp2"))
    with pytest.raises(UnusableArgument, match=r"1 new \(d.jp2\); 1 missing \(c.jp2\)"):
        found.check_tiles(tiles("a.jp2", "b.jp2", "d.jp2"))


def test_what_is_taken_over_is_said(tmp_path: Path, earlier: RunParameters) -> None:
    """A person reads which of the settings are not the defaults, for the record is a file that people can change."""
    assert earlier.width == 800
    assert EarlierRun.find(again(tmp_path, RUN)).description == f"from {tmp_path}/out/frames/run.json: width 800"


def test_an_endpoint_is_never_started_because_a_record_says_so(tmp_path: Path, earlier: RunParameters) -> None:
    """Endpoint and training job must be asked for, both, as the record has them; the message names both."""
    path = Path(earlier.output_directory) / "frames" / "run.json"
    record = json.loads(path.read_bytes())
    record["parameters"] |= {"endpoint": "sagemaker", "training_job": "my-job"}
    path.write_text(json.dumps(record))
    for asked in ({}, {"endpoint": "sagemaker", "training_job": "another"}):
        with pytest.raises(UnusableArgument, match="`endpoint` sagemaker and `training_job` my-job"):
            completed_parameters(again(tmp_path, RUN, **asked))


HTTP = {"endpoint": "http", "endpoint_url": "http://gpu:8080"}
NAMED = {"endpoint": "sagemaker", "endpoint_name": "production"}


@pytest.mark.parametrize(
    ("then", "asked", "named"),
    [
        (HTTP, {}, "`endpoint` http and `endpoint_url` http://gpu:8080"),
        (HTTP, {"endpoint": "http", "endpoint_url": "http://other"}, "`endpoint_url` http://gpu:8080"),
        (NAMED, {}, "`endpoint` sagemaker and `endpoint_name` production"),
        (NAMED, {"endpoint": "sagemaker", "training_job": "production"}, "`endpoint_name` production"),
    ],
)
def test_no_frame_is_sent_to_where_a_record_says(
    tmp_path: Path, earlier: RunParameters, then: dict[str, str], asked: dict[str, str], named: str
) -> None:
    """An address in a file that people can change is used only by who names it; the message names it."""
    path = Path(earlier.output_directory) / "frames" / "run.json"
    record = json.loads(path.read_bytes())
    record["parameters"] |= then
    path.write_text(json.dumps(record))
    with pytest.raises(UnusableArgument, match=named):
        completed_parameters(again(tmp_path, RUN, **asked))


def test_a_run_over_http_is_completed_over_http(tmp_path: Path, earlier: RunParameters) -> None:
    """By who names the address again; what the model is called is taken over, and another name is refused."""
    before = earlier.model_copy(update={**HTTP, "model": "unet"})
    keep(before, Path(earlier.output_directory) / "frames" / "run.json")
    parameters, _ = completed_parameters(again(tmp_path, RUN, **HTTP))
    assert (parameters.endpoint_url, parameters.model) == ("http://gpu:8080", "unet")
    with pytest.raises(UnusableArgument, match="`model` 'other'"):
        completed_parameters(again(tmp_path, RUN, model="other", **HTTP))
    keep(earlier, Path(earlier.output_directory) / "frames" / "run.json")
    with pytest.raises(UnusableArgument, match="`endpoint` 'http': the run to complete was made with 'local'"):
        completed_parameters(again(tmp_path, RUN, **HTTP))


def test_no_edit_of_a_record_is_a_fault_of_the_program(tmp_path: Path, earlier: RunParameters) -> None:
    """Whatever somebody has made of a run.json: it is followed within bounds, or refused in a sentence."""
    path = tmp_path / "out" / "frames" / "run.json"
    mine, known = again(tmp_path, f"{tmp_path}/out/frames"), tiles("a.jp2", "b.jp2", "c.jp2")
    for what, edited in edits(json.loads(path.read_bytes())):
        path.write_text(json.dumps(edited))
        try:
            parameters, found = completed_parameters(mine)
            assert found is not None
            found.check_tiles(known)
            assert [row["tile"] for row in found.rows("done")] + list(found.dropped.values()) is not None
        except UnusableArgument:
            continue
        assert (parameters.work_directory, parameters.output_directory) == (
            mine.work_directory,
            earlier.output_directory,
        )
        assert parameters.endpoint == "local", what
