"""What each polygon says of itself, and the frames that it was seen in."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
import shapely
from cut_scenes import MGA, answered, blobs, grid_of, window, windows

from tasks.core.product.attributes import FIELDS, described
from tasks.core.product.edition import CaptureTime, Edition, Event, Origin, Phase, Source
from tasks.core.product.layer import AnsweredTile, Layer
from tasks.core.product.layer_assembly import assemble, content_hash
from tasks.core.product.sources import ground_sample_m, source_table, sources_in

MADE = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
DAYS = ("2021-04-03T01:31Z", "2021-04-04", "2021-04", None)


def _edition(tiles: list[AnsweredTile], **changes: object) -> Edition:
    sources = tuple(
        Source(
            number,
            tile.id,
            f"s3://imagery/{tile.id}",
            "x",
            None if day is None else CaptureTime.in_text(day, Origin.METADATA),
            ground_sample_m(tile.grid),
            None,
            Phase.POST_EVENT,
            "done",
        )
        for number, (tile, day) in enumerate(zip(tiles, DAYS, strict=False), 1)
    )
    edition = Edition("town", "s3://imagery", Event("EMSR1", "High water"), sources, "run-1", "model-1", MADE)
    return replace(edition, **changes)  # type: ignore[arg-type]


def _scene(seed: int = 3, overlap: int = 0) -> list[AnsweredTile]:
    mask = blobs(seed, (40, 40))
    parts = windows(mask, grid_of(mask), 20, overlap)
    return [answered(f"{number}.jp2", part.astype(np.uint8), grid) for number, (part, grid) in enumerate(parts)]


def _described(tiles: list[AnsweredTile], **changes: object) -> dict[str, Layer]:
    layers = assemble(tiles, [], 0.0)
    return {layer.name: layer for layer in described(layers, _edition(tiles, **changes))}


def test_the_extent_has_its_fields_in_order() -> None:
    """Names fit a shapefile, none comes twice, and what assembling has found is among them."""
    columns = list(_described(_scene())["flood_extent"].columns)
    assert columns == [name for name in FIELDS if name in columns]
    assert max(map(len, FIELDS)) <= 10
    assert {"event_id", "src_id", "src_date", "area_m2", "conf_mean", "edge_flag", "release"} <= set(columns)


@pytest.mark.parametrize("overlap", [0, 4])
def test_every_polygon_names_the_frame_that_saw_most_of_it(overlap: int) -> None:
    """src_id is the frame with the largest part, by the relation table, which has a row a polygon and frame."""
    layers = _described(_scene(overlap=overlap))
    extent, relation = layers["flood_extent"], layers["flood_source"]
    for row, flood_id in enumerate(extent.columns["flood_id"].tolist()):
        of_it = np.flatnonzero(relation.columns["flood_id"] == flood_id)
        largest = of_it[np.argmax(relation.columns["area_m2"][of_it])]
        assert extent.columns["src_id"][row] == relation.columns["src_id"][largest]
        assert len(of_it) == extent.columns["tile_count"][row]


def test_dates_are_those_of_the_frame() -> None:
    """A time, a day and a month stay what they are, and what is not known is NULL."""
    mask = np.ones((10, 10), np.uint8)
    apart = [window(grid_of(mask), 0, 40 * number, 10, 10) for number in range(4)]  # each polygon is of one frame
    columns = _described([answered(f"{number}.jp2", mask, grid) for number, grid in enumerate(apart)])[
        "flood_extent"
    ].columns
    dates = dict(zip(columns["src_id"].tolist(), columns["src_date"].tolist(), strict=True))
    assert dates == {1: "2021-04-03", 2: "2021-04-04", 3: "2021-04", 4: None}
    assert sorted(columns["src_time"].tolist(), key=str) == ["01:31Z", None, None, None]


def test_frames_of_several_dates_are_noted() -> None:
    """A polygon that was put together from frames of two days says so; the others have no note."""
    mask = np.ones((20, 40), np.uint8)
    tiles = [answered(f"{n}.jp2", mask[:, :20], window(grid_of(mask), 0, 20 * n, 20, 20)) for n in (0, 1)]
    assert _described(tiles)["flood_extent"].columns["notes"].tolist() == [
        "frames of several dates saw it: 2021-04-03 to 2021-04-04"
    ]
    assert set(_described(_scene()[:1])["flood_extent"].columns["notes"].tolist()) == {None}


@pytest.mark.parametrize("angle", [0.0, 0.3])
def test_flood_at_the_edge_of_what_was_observed_may_go_on(angle: float) -> None:
    """Polygons that touch the outline of the observed ground are flagged, also around a hole in it, and no others."""
    labels = np.zeros((30, 30), np.uint8)
    labels[0:5, 3:6] = labels[12:15, 12:15] = labels[20:23, 20:23] = 1
    valid = np.ones((30, 30), np.bool_)
    valid[23:26, 21:22] = False  # a hole in the imagery, below the third
    tile = answered("0.jp2", labels, grid_of(labels, angle), valid)
    extent = _described([tile])["flood_extent"]
    touching = shapely.distance(extent.geometries, shapely.boundary(tile.extent.observed)) < 0.01
    assert extent.columns["edge_flag"].tolist() == touching.astype(int).tolist()
    assert sorted(extent.columns["edge_flag"].tolist()) == [0, 1, 1]


def test_the_hash_is_that_of_the_bare_extent() -> None:
    """What a product says of itself does not change what it is."""
    tiles = _scene()
    layers = assemble(tiles, [], 25.0)
    assert content_hash(described(layers, _edition(tiles, run_id="another"))) == content_hash(layers)


def test_the_table_holds_all_of_a_source() -> None:
    """The next release reads its sources from there."""
    tiles = _scene()
    edition = _edition(tiles)
    assert sources_in(source_table(edition.sources)) == edition.sources


def test_a_table_has_no_crs_and_the_sources_are_all_there() -> None:
    """Each frame is a row of the table source, with where it was and how its time is known."""
    source = _described(_scene())["source"]
    assert source.is_table
    assert source.crs is None
    assert source.columns["src_uri"].tolist() == [f"s3://imagery/{number}.jp2" for number in range(4)]
    assert source.columns["date_from"].tolist() == ["metadata of the frame"] * 3 + [None]
    assert np.allclose(source.columns["gsd_m"].astype(float), 1.5, atol=0.01)
    assert MGA == "EPSG:7855"
