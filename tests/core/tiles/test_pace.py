"""How long a run on this machine would take, by an earlier one."""

from typing import Any

import pytest

from tasks.core.tiles.pace import minutes_by


def row(prepare: float, predict: float, **changes: Any) -> dict[str, Any]:
    return {"state": "done", "cached": [], "seconds_by_stage": {"prepare": prepare, "predict": predict}, **changes}


def test_the_mean_of_what_was_computed_counts() -> None:
    """Remembered answers took no time and failed tiles not all of it: neither says how long a tile takes."""
    rows = [row(2, 10), row(4, 0, cached=["predict"]), row(100, 100, state="failed")]
    assert minutes_by({"tiles": rows}, {"prepare": 60, "predict": 30}, 4) == pytest.approx((60 * 3 + 30 * 10) / 4 / 60)


def test_a_stage_with_nothing_to_do_need_not_be_known() -> None:
    """Only what is to be done is asked for."""
    rows = [row(2, 0, cached=["predict"])]
    assert minutes_by({"tiles": rows}, {"prepare": 30, "predict": 0}, 1) == pytest.approx(1)


@pytest.mark.parametrize(
    ("record", "to_do"),
    [
        ({"tiles": [row(2, 0, cached=["predict"])]}, {"prepare": 1, "predict": 1}),
        ({"tiles": []}, {"prepare": 1}),
        ({}, {"prepare": 1}),
        ({"tiles": [row(2, 2)]}, {"prepare": 0, "predict": 0}),
    ],
)
def test_what_was_not_measured_is_not_guessed(record: dict[str, Any], to_do: dict[str, int]) -> None:
    """A run that had it all remembered, or one that is not there, tells nothing."""
    assert minutes_by(record, to_do, 2) is None
