"""What a small product holds, as reports take it: a record, layers and an edition."""

from datetime import UTC, datetime, timedelta

import numpy as np
from shapely import MultiPolygon, Polygon, box

from tasks.core.geo.grid import Grid
from tasks.core.polygons.tile_extent import TileExtent
from tasks.core.product.edition import CaptureTime, Edition, Event, Origin, Phase, Source
from tasks.core.product.layer import AnsweredTile, FailedTile, Layer
from tasks.core.product.layer_assembly import assemble
from tasks.core.reports.run_json import RunRecord, run_record
from tasks.core.tiles.jobs import TileJob
from tasks.core.tiles.ledger import Account
from tasks.core.tiles.tile import Tile

CRS = "EPSG:7855"
SIDE_PX = 100
NONE = MultiPolygon()
STARTED = datetime(2026, 3, 1, 9, tzinfo=UTC)
BAD = "bad.jp2"
ERROR = "cut short: 3 of 9 bytes. Copy it again"


def grid(column: int, crs: str = CRS) -> Grid:
    """That of a tile of 100 x 100 m, in a row of tiles."""
    return Grid(SIDE_PX, SIDE_PX, (1.0, 0.0, 500_000.0 + column * SIDE_PX, 0.0, -1.0, 6_000_000.0 + SIDE_PX), crs)


def ground(place: Grid, share: float = 1.0) -> MultiPolygon:
    """The western share of a tile."""
    (west, north), (east, south) = place.xy(0, 0), place.xy(round(share * SIDE_PX), SIDE_PX)
    return MultiPolygon([box(west, south, east, north)])


def answered(id_: str, place: Grid, share: float = 0.5) -> AnsweredTile:
    """A tile whose western share is flooded."""
    flood = ground(place, share) if share else NONE
    return AnsweredTile(id_, place, TileExtent(flood, ground(place), NONE, NONE, 100, 7), 1.25)


def small_layers(bad: str = BAD, error: str = ERROR, crs: str = CRS) -> list[Layer]:
    """Two tiles with an answer, one without: 1 ha, half of it flooded; all flooded, with an island; not assessed."""
    last = grid(1, crs)
    island = Polygon(ground(last).geoms[0].exterior, [box(500_130, 6_000_030, 500_170, 6_000_060).exterior])
    extent = TileExtent(MultiPolygon([island]), ground(last), NONE, NONE, 100, 7)
    done = [answered("a.jp2", grid(0, crs)), AnsweredTile("b.jp2", last, extent, 1.25)]
    return assemble(done, [FailedTile(bad, "prepare", error, 0.5, crs, ground(grid(2, crs)))], 0.0)


def small_record(layers: list[Layer], bad: str = BAD, error: str = ERROR) -> RunRecord:
    """Of the run that made ``small_layers``."""
    return run_record(
        dataset="/data/town",
        flow_run_id="1234",
        state="CompletedWithFailures",
        parameters={"dataset": "/data/town", "width": 1000},
        accounts=[_account("a.jp2"), _account("b.jp2"), _account(bad, error)],
        layers=layers,
        started=STARTED,
        finished=STARTED + timedelta(minutes=1),
        endpoint={"kind": "local", "name": "flood-extent-1-1", "deleted": "2026"},
        files={"flood_extent.gpkg": "ab12", "report.md": "cd34"},
        warnings=["a warning"],
    )


def _account(id_: str, error: str | None = None) -> Account:
    tile = Tile(id_, f"/data/town/{id_}", 10, "hash", grid=grid(0))
    job = TileJob(tile, grid(0), 1, (1, 2), "a", "b", "c", "/work")
    return Account(job, "prepare" if error else "extract", error, {"prepare": 1.5, "predict": 0.0})


def small_edition(bad: str = BAD, name: str = "Town flood", reason: str | None = None) -> Edition:
    """Of the same run."""
    time = CaptureTime.in_text("2026-02-28", Origin.PARAMETER)
    states = {"a.jp2": "done", "b.jp2": "done", bad: "failed"}
    sources = tuple(
        Source(number, tile, f"/data/town/{tile}", "0" * 64, time, 1.0, None, Phase.POST_EVENT, state)
        for number, (tile, state) in enumerate(states.items(), 1)
    )
    event = Event("FL-2026-1", name)
    return Edition("town", "/data/town", event, sources, "1234", "water-index-2", STARTED, release_reason=reason)


def with_area(base: str, area_m2: float, crs: str = CRS) -> Layer:
    """A layer of one square, which says that it has such an area."""
    square = np.array([box(500_000, 6_000_000, 500_010, 6_000_010)], np.object_)
    return Layer(base, "Polygon", crs, square, {"area_m2": np.array([area_m2])})
