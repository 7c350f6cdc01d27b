"""Content keys recompute exactly what depends on a change."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tile_jobs import planned

from tasks.core.errors import UnreadableImage
from tasks.core.geo.grid import Grid
from tasks.core.tiles.jobs import TileJob, common_scale, target_size
from tasks.core.tiles.tile import Tile

GRID = Grid(4000, 2000, (0.15, 0.0, 300000.0, 0.0, -0.15, 6600000.0), "EPSG:7855")
TILE = Tile("north/a.jp2", "/data/north/a.jp2", 12, "abc", (), 4, GRID)
STAGES = ("prepare", "predict", "extract")


def plan(tile: Tile = TILE, **changes: Any) -> TileJob:
    return planned([tile], **changes)[0]


def moved(tile: Tile) -> Tile:
    return replace(tile, grid=replace(GRID, transform=(0.15, 0.0, 300001.0, 0.0, -0.15, 6600000.0)))


@pytest.mark.parametrize(
    ("change", "anew"),
    [
        (lambda: plan(replace(TILE, content_hash="def")), STAGES),
        (lambda: plan(width_px=800), STAGES),
        (lambda: plan(model_identity="water-index 2"), ("predict", "extract")),
        (lambda: plan(class_map=[0, 1, 3]), ("predict", "extract")),
        (lambda: plan(flood_labels=[1]), ("extract",)),
        (lambda: plan(moved(TILE)), ("extract",)),
        (lambda: plan(replace(TILE, nodata=(255, 255, 255))), ("prepare", "extract")),
        (lambda: plan(replace(TILE, sidecars=("/data/north/a.jp2.aux.xml",))), ()),
        (lambda: plan(replace(TILE, id="south/b.jp2", uri="/elsewhere/b.jp2")), ()),
        (lambda: plan(flood_labels=[2, 1], max_pixels=10**8, work_directory="/other"), ()),
    ],
)
def test_a_change_recomputes_what_depends_on_it(change: Callable[[], TileJob], anew: tuple[str, ...]) -> None:
    """A frame, width, model, label, place or NoData that changes gives new keys to the stages that see it, no other."""
    before, after = plan(), change()
    differing = [stage for stage in STAGES if getattr(before, f"{stage}_key") != getattr(after, f"{stage}_key")]
    assert tuple(differing) == anew


def test_all_tiles_share_the_scale_of_the_widest() -> None:
    """Tiles of different width must end with the same pixel size, or they could not join."""
    narrow = replace(TILE, id="b.jp2", grid=replace(GRID, width_px=1000))
    wide_job, narrow_job = planned([TILE, narrow])
    assert wide_job.resized.width_px == 1000
    assert narrow_job.resized.pixel_area == pytest.approx(wide_job.resized.pixel_area)


def test_an_unusable_tile_does_not_set_the_scale() -> None:
    """A hostile header that declares a huge width must not shrink the tiles beside it to nothing."""
    bomb = replace(TILE, id="bomb.jp2", grid=replace(GRID, width_px=2_000_000_000), problem="too large")
    assert common_scale([TILE, bomb], 1000) == common_scale([TILE], 1000)


def test_nothing_is_enlarged() -> None:
    """A dataset narrower than the width asked for stays as it is."""
    assert target_size(GRID, common_scale([TILE], 10_000)) == (4000, 2000)


def test_a_thin_tile_keeps_a_pixel() -> None:
    """A strip of one row at a tenth of the scale is still one row."""
    assert target_size(replace(GRID, height_px=1), 0.1) == (400, 1)


def test_a_job_survives_json() -> None:
    """A task's parameter is rebuilt into the job that it was made of."""
    job = plan()
    assert TileJob.from_dict(json.loads(json.dumps(job.to_dict()))) == job


def test_a_job_of_a_bad_tile_says_what_was_wrong() -> None:
    """What the header probe found is what the tile's prepare fails with."""
    with pytest.raises(UnreadableImage, match="cut short"):
        _ = plan(replace(TILE, problem="cut short: 5 of 12 bytes")).resized
