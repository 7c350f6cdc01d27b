"""``docs/run.schema.json``: what programs may rely on in ``run.json``, held against records as runs write them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator, ValidationError

from tasks.core.geo.grid import Grid
from tasks.core.models.nir_threshold import Threshold
from tasks.core.polygons.tile_extent import extract
from tasks.core.product.layer_assembly import AnsweredTile, FailedTile, assemble
from tasks.core.product.to_check import PlaceToCheck, ToCheck
from tasks.core.reports.run_json import Counts, RunRecord, TileRow, Totals, run_record, to_json
from tasks.core.states import CAMPAIGN_ENDED, FINAL_STATES, NOT_POSSIBLE, PLANNED
from tasks.core.tiles.jobs import TileJob
from tasks.core.tiles.ledger import Ledger
from tasks.core.tiles.tile import Tile

SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "run.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)
GRID = Grid(20, 20, (1.0, 0.0, 500_000.0, 0.0, -1.0, 6_000_020.0), "EPSG:7855")
STARTED = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
SAGEMAKER = {
    "kind": "sagemaker",
    "name": "flood-extent-0123-1",
    "instance_type": "ml.c5.xlarge",
    "instance_count": 1,
    "scaling_target": 24.0,
    "not_scaled": "the endpoint kept its 1 instance: AWS denies it",
    "most_instances": 3,
    "instance_minutes": 21.5,
    "training_job": "flood-2026",
    "log_group": "/aws/sagemaker/Endpoints/flood-extent-0123-1",
    "created": "2026-03-01T09:00:00+00:00",
    "minutes_billed": 9.5,
    "busy_percent": 92.5,
    "cost": 0.04,
    "left": ["endpoint flood-extent-0123-1"],
}


ALL = np.ones((20, 20), np.uint8)
UNSURE = AnsweredTile("1.jp2", GRID, extract(ALL, ALL == 1, GRID, [1], ALL), 1.0)


def _record(**changes: Any) -> dict[str, Any]:
    """A record of three tiles, one done, one failed, one dropped in review, as a run writes and a program reads it."""
    jobs = [
        TileJob(Tile(f"{n}.jp2", f"/data/{n}.jp2", 9, "x", grid=GRID), GRID, 1, (1,), *"abc", "/w") for n in (1, 2, 3)
    ]
    ledger = Ledger(jobs)
    for job in jobs:
        ledger.done(job, "prepare", seconds=1.0, cached=job is jobs[0], warnings=["1.2 % is padding"])
    ledger.fail(jobs[1], "predict", "the endpoint refused it", seconds=0.5, task_run="c0ffee")
    ledger.drop("3.jp2", "glare")
    extent = extract(np.ones((20, 20), np.uint8), np.ones((20, 20), bool), GRID, [1])
    lost = [FailedTile("2.jp2", "predict", "?", 1.5), FailedTile("3.jp2", "review", "glare", 1.0, state="dropped")]
    facts: dict[str, Any] = {
        "dataset": "/data/town",
        "flow_run_id": "0123",
        "state": "TooManyTileFailures",
        "parameters": {"dataset": "/data/town", "width": 1000},
        "accounts": ledger.accounts,
        "layers": assemble([AnsweredTile("1.jp2", GRID, extent, 1.0)], lost, 0.0),
        "started": STARTED,
        "finished": STARTED + timedelta(minutes=1),
        "review": {"decision": "accept", "reason": "glare", "dropped": ["3.jp2"], "min_contour_size": 25.0},
        "endpoint": SAGEMAKER,
        "calibration": [Threshold(64, ("1.jp2",), 24, 183, (41, 100)), Threshold(80, problem="no water was found")],
        "files": {"flood_extent.gpkg": "0" * 64},
    }
    read: dict[str, Any] = json.loads(to_json(run_record(**facts | changes)))
    return read


def test_the_schema_is_a_schema() -> None:
    """A word that is none would hold nothing."""
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"layers": (), "state": "NoProduct", "review": None, "endpoint": None, "files": None},
        {"endpoint": {"kind": "local", "name": None}, "calibration": None},
        {"layers": assemble([UNSURE], [], 0.0)},
    ],
    ids=["product", "no product", "all cached", "a place to check"],
)
def test_records_fit(changes: dict[str, Any]) -> None:
    """Tiles of every state, with a product and without, with an endpoint that is left, gone or was never needed."""
    VALIDATOR.validate(_record(**changes))


def _set(record: dict[str, Any], *path: Any, value: Any) -> None:
    *folders, last = path
    for name in folders:
        record = record[name]
    record[last] = value


@pytest.mark.parametrize(
    "spoil",
    [
        lambda record: record.pop("content_hash"),
        lambda record: _set(record, "new_key", value=1),
        lambda record: _set(record, "tiles", 0, "new_key", value=1),
        lambda record: _set(record, "tiles", 1, "flood_m2", value=0.0),
        lambda record: _set(record, "tiles", 1, "error", value=None),
        lambda record: _set(record, "started", value="2026-03-01 09:00"),
        lambda record: _set(record, "mapped_pixel_m", value=[1.0]),
        lambda record: _set(record, "endpoint", "outlived", value=True),
    ],
)
def test_what_is_no_record_does_not_fit(spoil: Callable[[dict[str, Any]], object]) -> None:
    """Missing and unknown keys, figures of a tile without an answer, and times of another form are refused."""
    record = _record()
    spoil(record)
    with pytest.raises(ValidationError):
        VALIDATOR.validate(record)


def test_every_key_and_state_is_in_it() -> None:
    """The record's types in the code and the schema name the same."""
    counts, totals, places = (SCHEMA["properties"][name] for name in ("counts", "totals", "to_check"))
    parts = [SCHEMA, counts, totals, places, SCHEMA["$defs"]["tile"], places["properties"]["first"]["items"]]
    assert [list(part["properties"]) for part in parts] == [
        list(record.__annotations__) for record in (RunRecord, Counts, Totals, ToCheck, TileRow, PlaceToCheck)
    ]
    # A dry run leaves no record, nor does a block whose campaign has ended.
    ends = {"Completed", *FINAL_STATES} - {PLANNED, NOT_POSSIBLE, CAMPAIGN_ENDED}
    assert set(SCHEMA["properties"]["state"]["enum"]) == ends
