"""The flow score-extent, on a real Prefect server: what it ends as, what its page shows, what it leaves."""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_LOGGING_TO_API_ENABLED, temporary_settings
from prefect.states import State
from prefect_api import PrefectApi
from products import contents
from two_tiles import FIGURES, make_two_tiles

from flows.command_line import cli
from flows.score_extent import score_extent
from tasks.services import storage


@pytest.fixture
def api(prefect_server: str) -> Iterator[PrefectApi]:
    """The session's server, as this process's."""
    with temporary_settings({PREFECT_API_URL: prefect_server, PREFECT_LOGGING_TO_API_ENABLED: False}):
        yield PrefectApi(prefect_server)


def scored(product: object, reference: object, **parameters: str) -> State[object]:
    """What a run ends as."""
    return score_extent(str(product), str(reference), **parameters, return_state=True)  # type: ignore[call-overload,no-any-return]


def test_the_page_of_a_run_has_figures_picture_and_table(api: PrefectApi, tmp_path: Path) -> None:
    """The state has the measures; the table a row for all and one a tile; the picture can be seen."""
    state = scored(*make_two_tiles(tmp_path))
    assert (state.name, state.message) == ("Completed", FIGURES)
    shown = api.artifacts(str(state.state_details.flow_run_id))
    assert set(shown) == {"town-score", "town-score-tiles"}
    rows = {row["tile"]: row["IoU"] for row in json.loads(shown["town-score-tiles"]["data"])}
    assert rows == {"all": 0.75, "b": 0.5, "a": 1.0}
    assert "| recall | 0.7500 |" in shown["town-score"]["data"]
    (png,) = re.findall(r"\(data:image/png;base64,([^)]+)\)", shown["town-score"]["data"])
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(png), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert min(picture.shape[:2]) > 100


def test_the_run_is_named_and_says_where_it_runs(api: PrefectApi, tmp_path: Path) -> None:
    """So that a later `serve` can tell whether it is still alive."""
    run = api.flow_run(str(scored(*make_two_tiles(tmp_path)).state_details.flow_run_id))
    assert run["name"] == "score of town"
    assert "flood-extent.process" in run["labels"]


def test_nothing_is_left_where_nothing_was_asked_for(api: PrefectApi, tmp_path: Path) -> None:  # noqa: ARG001
    """Neither beside the product nor beside the reference."""
    product, reference = make_two_tiles(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert scored(product, reference).is_completed()
    assert sorted(tmp_path.rglob("*")) == before


def test_flow_and_command_leave_the_same(api: PrefectApi, tmp_path: Path, place: str) -> None:  # noqa: ARG001
    """One implementation: table and summary are equal byte for byte, from a folder and from S3."""
    make_two_tiles(tmp_path)
    for path in [path for path in tmp_path.rglob("*.gpkg") if storage.is_s3(place)]:
        storage.write_bytes(storage.join(place, path.relative_to(tmp_path).as_posix()), path.read_bytes())
    whence = place if storage.is_s3(place) else str(tmp_path)
    product, reference = (storage.join(whence, name) for name in ("town", "r.gpkg"))
    state = scored(product, reference, output_directory=storage.join(place, "flow"))
    assert (state.name, state.message) == ("Completed", FIGURES)
    assert cli.main(["score", product, reference, "--output", storage.join(place, "command")]) == 0
    left = [contents(storage.join(place, name)) for name in ("flow", "command")]
    assert left[0].keys() == {"agreement.gpkg", "agreement.png", "score.csv", "score.json"}
    assert all(left[0][name] == left[1][name] for name in ("score.csv", "score.json"))


@pytest.mark.parametrize(
    ("product", "reference", "words"),
    [
        ("nowhere", "r.gpkg", "/nowhere: does not exist. Give the folder that a run has written"),
        ("town", "nothing.gpkg", "/nothing.gpkg: does not exist. Check the name"),
        ("town", "note.txt", "/note.txt: is no vector file that GDAL reads. Give polygons"),
    ],
)
def test_a_wrong_input_is_the_states_message(
    api: PrefectApi, tmp_path: Path, product: str, reference: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The file by its name, what is wrong with it, and what to do; no trace, and no page that shows something else."""
    make_two_tiles(tmp_path)
    (tmp_path / "note.txt").write_text("no polygons")
    state = scored(tmp_path / product, tmp_path / reference)
    assert (state.type, state.name) == ("FAILED", "Failed")
    assert state.message is not None
    assert state.message.startswith(f"{tmp_path}{words}")
    assert api.artifacts(str(state.state_details.flow_run_id)) == {}
    assert "Traceback" not in caplog.text


def test_a_block_that_does_not_exist_is_said(api: PrefectApi, tmp_path: Path) -> None:  # noqa: ARG001
    """With the commands that list and make one."""
    state = scored(*make_two_tiles(tmp_path), aws_block="nobody-s")
    assert state.is_failed()
    assert "AWS credentials block 'nobody-s' does not exist" in str(state.message)


def test_a_reference_of_another_date_is_a_doubt_in_the_state(api: PrefectApi, tmp_path: Path) -> None:
    """The figures stand, and whoever reads them reads that they may mean nothing."""
    product, reference = make_two_tiles(tmp_path)
    product.rename(product.with_name("town_2020"))
    reference.rename(reference.with_name("water_2009.gpkg"))
    state = scored(product.with_name("town_2020"), reference.with_name("water_2009.gpkg"))
    assert state.is_completed()
    assert str(state.message).startswith(f"{FIGURES}; the frames are of 2020, the reference of 2009")
    page = api.artifacts(str(state.state_details.flow_run_id))["town-2020-score"]["data"]
    assert page.startswith("**Warning**: the frames are of 2020")
