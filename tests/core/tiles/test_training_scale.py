"""The scale that a training job saw, held against that of what it is sent."""

from dataclasses import replace

import pytest
from tile_jobs import planned

from tasks.core.geo.grid import Grid
from tasks.core.tiles.plan import Verdict
from tasks.core.tiles.tile import Tile
from tasks.core.tiles.training_scale import base_size, long_side_px, scale_finding

GRID = Grid(4_000, 8_000, (0.15, 0.0, 300000.0, 0.0, -0.15, 6600000.0), "EPSG:7855")
TILE = Tile("a.jp2", "/data/a.jp2", 1_500, "abc", (), 4, GRID)


@pytest.mark.parametrize(
    ("sent", "verdict"),
    [(259, Verdict.WARNING), (260, Verdict.OK), (1_040, Verdict.OK), (1_041, Verdict.WARNING)],
)
def test_the_range_is_half_to_twice_the_base_size(sent: int, verdict: Verdict) -> None:
    """Both ends belong to it, for the algorithm scales to them as well."""
    assert scale_finding(sent, 520).verdict is verdict


@pytest.mark.parametrize(
    ("sent", "change"),
    [(1_500, "smaller `width`, so that it is at most 1,040"), (200, "larger `width`, so that it is at least 260")],
)
def test_a_warning_names_sizes_range_and_remedy(sent: int, change: str) -> None:
    """A person reads what is sent, what was seen, and what to set."""
    words = (f"{sent:,} px", "260 to 1,040 px", "base_size 520", change)
    text = scale_finding(sent, 520).text
    assert [one for one in words if one not in text] == []


def test_half_a_pixel_is_kept() -> None:
    """An odd base_size has an end between two pixels."""
    assert scale_finding(261, 521).text.startswith(
        "`width` makes the long side of the tiles 261 px; in training it was 260.5 to"
    )
    assert [scale_finding(sent, 521).verdict for sent in (260, 261)] == [Verdict.WARNING, Verdict.OK]


@pytest.mark.parametrize(
    ("given", "known"), [({}, 520), ({"base_size": "700"}, 700), ({"crop_size": "240", "base_size": "none"}, 520)]
)
def test_hyperparameters_are_text_and_may_be_left_out(given: dict[str, str], known: int) -> None:
    """AWS names those alone that somebody set: the algorithm's own default is 520."""
    assert base_size(given) == known


def test_the_long_side_is_that_of_the_largest_usable_tile() -> None:
    """Not the width alone, and of no tile that would fail; smaller ones at a scene's end have the same scale."""
    small, bad = replace(TILE, id="b.jp2", grid=replace(GRID, height_px=100)), replace(TILE, id="c.jp2", problem="cut")
    jobs = planned([TILE, small], width_px=500)
    assert long_side_px(jobs) == 1_000
    assert long_side_px(planned([bad], width_px=500)) == 0
