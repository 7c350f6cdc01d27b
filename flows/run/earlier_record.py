"""The ``run.json`` of an earlier run, as far as one that completes or repeats it goes by it: people can change it."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from flows.parameters import RunParameters, SquareMetres
from tasks.core.errors import UnusableArgument
from tasks.core.reports.run_json import frame_hash, software_versions
from tasks.core.states import NO_PRODUCT, TOO_MANY
from tasks.core.text import enumerated
from tasks.core.tiles.ledger import DROPPED
from tasks.core.tiles.tile import Tile

# What the answers depend on. Where the cache is, and who may be asked, is said by who runs: a record is only a file.
SETTINGS = (
    "endpoint",
    "training_job",
    "model",
    "width",
    "min_contour_size",
    "flood_labels",
    "crs",
    "max_tile_megapixels",
)


class _Part(BaseModel):
    model_config = ConfigDict(strict=True)


class _Row(_Part):
    tile: str = Field(min_length=1)
    state: Literal["done", "failed", "dropped"]
    warnings: list[str]
    error: str | None

    @model_validator(mode="after")
    def _dropped_for_a_reason(self) -> Self:
        if self.state == DROPPED and self.error is None:
            raise ValueError("a tile was dropped without a reason")
        return self


class _Review(_Part):
    min_contour_size: SquareMetres | None = None


class _Record(_Part):
    dataset: str
    flow_run_id: str
    model_identity: str
    parameters: dict[str, Any]
    tiles: list[_Row]
    review: _Review | None = None


def check_record(record: Mapping[str, Any], uri: str) -> None:
    """Refuse a record of another shape than a run's.

    Raises:
        UnusableArgument: With the first thing that is wrong.
    """
    try:
        _Record.model_validate(record)
        settings_of(record)
    except ValidationError as error:
        raise UnusableArgument(
            f"{uri}: not the record of a run ({first_problem(error)}). Give another, or run without `only_failed_of`"
        ) from error


def first_problem(error: ValidationError) -> str:
    """Which field of a file that people can change is wrong, and how."""
    problem = error.errors()[0]
    return f"{'.'.join(map(str, problem['loc'])) or 'settings'}: {problem['msg']}"


def settings_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that the earlier run's answers depend on, checked as a run's own are."""
    there = {name: record["parameters"].get(name) for name in SETTINGS}
    checked = RunParameters.model_validate({"dataset": record["dataset"], **there}, strict=True)
    return {name: getattr(checked, name) for name in SETTINGS}


def check_mended(before: Mapping[str, Any] | None, tiles: Sequence[Tile]) -> None:
    """Refuse to repeat a run of which nothing but unusable frames failed, and these are as they were.

    Args:
        before: What an earlier attempt of this run has kept of itself; None for the first.
        tiles: As they are listed this time.

    Raises:
        UnusableArgument: Nothing would be different.
    """
    if before is None or before.get("state") not in (TOO_MANY, NO_PRODUCT):
        return
    failed = [row for row in before["tiles"] if row["state"] == "failed"]
    frames = {(row["tile"], row["frame_hash"]) for row in before["tiles"]}
    is_same = frames == {(tile.id, frame_hash(tile)) for tile in tiles} and before["versions"] == software_versions()
    if is_same and all(row["unusable"] for row in failed):
        raise UnusableArgument(
            f"no frame was mended since this run failed ({enumerated(row['tile'] for row in failed)}): it would fail "
            "again. Put frames that can be used in their place and retry, or start a run with a `failure_tolerance`"
        )
