"""The ``run.json`` of an earlier run, as far as a run that completes it goes by it: a file that people can change."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from flows.parameter_types import NirThreshold, SquareMetres
from flows.parameters import ENDPOINT_SETTINGS, PRODUCT_SETTINGS, RunParameters
from tasks.core.errors import UnusableArgument
from tasks.core.tiles.ledger import DROPPED

# What answers and product depend on. Where the cache is, and who may be asked, is said by who runs: a record is only a
# file.
SETTINGS = (
    *ENDPOINT_SETTINGS,
    "model",
    "labels",
    "calibration",
    "confidence",
    "chip_px",
    "chip_overlap_px",
    "width",
    "min_contour_size",
    "flood_labels",
    "crs",
    "max_tile_megapixels",
    *PRODUCT_SETTINGS,
)


class _Part(BaseModel):
    model_config = ConfigDict(strict=True)


class _Row(_Part):
    tile: str = Field(min_length=1)
    state: Literal["done", "failed", "dropped"]
    warnings: list[str]
    error: str | None
    nir_threshold: NirThreshold | None = None
    nir_contrast: NirThreshold | None = None

    @model_validator(mode="after")
    def _dropped_for_a_reason(self) -> Self:
        if self.state == DROPPED and self.error is None:
            raise ValueError("a tile was dropped without a reason")
        return self


class _Threshold(_Part):
    nir: NirThreshold
    tiles: int
    water: NirThreshold | None
    land: NirThreshold | None
    floor: list[NirThreshold] | None = Field(min_length=2, max_length=2)
    problem: str | None


class _Review(_Part):
    min_contour_size: SquareMetres | None = None


class _Record(_Part):
    dataset: str
    flow_run_id: str
    model_identity: str
    calibration: list[_Threshold] | None = None
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
    return f"{'.'.join(map(str, problem['loc'])) or 'settings'}: {problem['msg'].removeprefix('Value error, ')}"


def settings_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that the earlier run's answers depend on, checked as a run's own are."""
    # What that run did not know yet stands at its default.
    there = {name: record["parameters"][name] for name in SETTINGS if name in record["parameters"]}
    checked = RunParameters.model_validate({"dataset": record["dataset"], **there}, strict=True)
    return {name: getattr(checked, name) for name in SETTINGS}
