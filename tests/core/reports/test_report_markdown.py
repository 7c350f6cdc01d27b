"""run.json for programs and report.md for people: every tile in it, no secret, and nothing that breaks the page."""

import json
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from shapely import MultiPolygon, box

from tasks.core.geo.grid import Grid
from tasks.core.models.nir_threshold import Threshold
from tasks.core.polygons.tile_extent import TileExtent
from tasks.core.product.layer import AnsweredTile, FailedTile, Layer
from tasks.core.product.layer_assembly import assemble
from tasks.core.product.to_check import PlaceToCheck
from tasks.core.redaction import redact
from tasks.core.reports import report_markdown, run_json
from tasks.core.tiles.jobs import TileJob
from tasks.core.tiles.ledger import Account
from tasks.core.tiles.tile import Tile

CRS = "EPSG:7855"
GRID = Grid(100, 100, (1.0, 0.0, 500_000.0, 0.0, -1.0, 6_000_100.0), CRS)
STARTED = datetime(2026, 3, 1, 9, 0, tzinfo=timezone(timedelta(hours=11)))


def _ground(west: int, south: int, east: int, north: int) -> MultiPolygon:
    return MultiPolygon([box(500_000 + west, 6_000_000 + south, 500_000 + east, 6_000_000 + north)])


def _account(id_: str, error: str | None = None) -> Account:
    tile = Tile(id_, f"/data/{id_}", 10, "hash", grid=GRID)
    job = TileJob(tile, GRID, 1, (1, 2), "a", "b", "c", "/work")
    seconds = {"prepare": 1.5, "predict": 0.0}
    return Account(job, "prepare" if error else "extract", error, seconds, ["predict"], [f"{id_} has a warning"])


def _layers(error: str, area: MultiPolygon | None) -> list[Layer]:
    extent = TileExtent(_ground(0, 0, 50, 50), _ground(0, 0, 100, 100), MultiPolygon(), MultiPolygon(), 2500, 7)
    failed = FailedTile("bad.jp2", "prepare", error, 1.0, CRS if area else None, area)
    return assemble([AnsweredTile("good.jp2", GRID, extent, 1.0)], [failed], 0.0)


def _record(error: str = "cut short", area: MultiPolygon | None = None, **changes: Any) -> run_json.RunRecord:
    values: dict[str, Any] = {
        "dataset": "/data/prairie",
        "flow_run_id": "1234",
        "state": "CompletedWithFailures",
        "parameters": {"dataset": "/data/prairie", "width": 1000},
        "accounts": [_account("good.jp2"), _account("bad.jp2", error)],
        "layers": _layers(error, area),
        "started": STARTED,
        "finished": STARTED + timedelta(minutes=1),
        "endpoint": {"kind": "local", "name": "flood-extent-1-1", "deleted": "2026"},
        "files": {"flood_extent.gpkg": "ab12"},
    }
    return run_json.run_record(**{**values, **changes})


def test_the_record_accounts_for_every_tile() -> None:
    """Counts, areas, seconds and the remembered stages of each tile are those of the run."""
    record = _record()
    assert record["counts"] == {"tiles": 2, "done": 1, "failed": 1, "dropped": 0, "unplaced": 1}
    good, bad = record["tiles"]
    assert (good["state"], good["error"], good["seconds"], good["cached"]) == ("done", None, 1.5, ["predict"])
    assert (bad["state"], bad["stage"], bad["error"]) == ("failed", "prepare", "cut short")
    assert good["pad_px"] == 7
    assert (good["flood_m2"], good["observed_m2"]) == pytest.approx((2502, 10_008), abs=0.5)
    assert (record["started"], record["finished"]) == ("2026-02-28T22:00:00+00:00", "2026-02-28T22:01:00+00:00")


def test_the_report_shows_the_calibration() -> None:
    """Each threshold with its tiles, medians and what is wrong; none where the model needs none."""
    thresholds = [
        Threshold(64, ("good.jp2",), 24, 183, (41, 100)),
        Threshold(60, land=180, problem="no water was found"),
    ]
    report = report_markdown.markdown(_record(calibration=thresholds))
    assert "| 1 | 64 | 24 | 183 | " in report
    assert "| 0 | 60 | \N{EN DASH} | 180 | no water was found |" in report
    assert "## Calibration" not in report_markdown.markdown(_record())


def test_the_report_names_the_places_to_check() -> None:
    """How many, then the first with what is doubted and where; where there are none it says what that means."""
    place: PlaceToCheck = {"reason": "a|b", "doubt": 0.75, "area_m2": 12345.6, "x": 5e5, "y": 6e6, "crs": CRS}
    report = report_markdown.markdown({**_record(), "to_check": {"count": 1200, "first": [place]}})
    assert "1,200 places to check" in report
    assert f"| 1 | a\\|b | 0.75 | 12,346 | 500000 | 6000000 | {CRS} |" in report
    assert "Nothing stood out" in report_markdown.markdown(_record())


def test_no_answer_is_no_figure() -> None:
    """Areas of a failed tile are null in the record and a dash in the report: 0 would say that it was looked at."""
    record = _record(area=_ground(50, 0, 150, 100))
    bad = record["tiles"][1]
    assert [bad[name] for name in ("flood_m2", "observed_m2", "overlap_m2", "pad_px")] == [None] * 4
    assert (
        "| bad.jp2 | failed | prepare (remembered: predict) | 1.50 | – | – | – | cut short |"
        in report_markdown.markdown(record)
    )


def test_ground_that_another_tile_saw_was_assessed() -> None:
    """A failed tile of 100 x 100 m, half of it under an answered one, leaves half a hectare."""
    totals = _record(area=_ground(50, 0, 150, 100))["totals"]
    assert totals["not_assessed_ha"] == pytest.approx(0.5, rel=2e-3)
    assert (totals["flooded_ha"], totals["observed_ha"]) == (pytest.approx(0.25, rel=2e-3), pytest.approx(1, rel=2e-3))


def test_overlapping_failures_are_counted_once() -> None:
    """The total is of ground, not of tiles."""
    areas = np.array([_ground(0, 0, 100, 100), _ground(50, 0, 150, 100), None], dtype=object)
    totals = run_json.totals([Layer("not_assessed", "MultiPolygon", CRS, areas, {"area_m2": np.ones(3)})])
    assert totals["not_assessed_ha"] == pytest.approx(1.5, rel=2e-3)


def test_several_crs_add_up() -> None:
    """Each set is measured in its own CRS, another's observed area is not subtracted, and cut copies do not count."""
    square = np.array([_ground(0, 0, 100, 100)], dtype=object)
    sets = {
        ("EPSG:7854", "_epsg7854"): ("not_assessed", "flood_extent"),
        (CRS, "_epsg7855"): ("area_observed", "not_assessed", "flood_extent", "flood_extent_by_tile"),
    }
    areas = {"area_m2": np.array([10_000.0])}
    layers = [
        Layer(base, "MultiPolygon", crs, square, areas, end) for (crs, end), bases in sets.items() for base in bases
    ]
    totals = run_json.totals(layers)
    assert (totals["flooded_ha"], totals["observed_ha"]) == (2, 1)
    assert totals["not_assessed_ha"] == pytest.approx(1, rel=2e-3)


def test_the_json_is_strict_and_reads_back() -> None:
    """No NaN, no text that is not UTF-8, even where a file's name is neither."""
    record = _record(error="caf\udce9 \x00", endpoint={"age": float("nan"), "at": STARTED})
    read = json.loads(run_json.to_json(record).decode("ascii"), parse_constant=lambda _: pytest.fail("not JSON"))
    assert read["endpoint"] == {"age": None, "at": str(STARTED)}
    assert read["tiles"][1]["error"] == "caf\udce9 \x00"
    assert list(read) == list(run_json.RunRecord.__annotations__)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("s3://user:pass@bucket/key", "s3://bucket/key"),
        ("s3://AKIA:wJalr/XUtn+FEMI/K7@bucket/key", "s3://bucket/key"),
        ("could not open https://me:pw@host:80/x: 403", "could not open https://host:80/x: 403"),
        ("https://token@host/x", "https://host/x"),
        ("http://127.0.0.1:8080/a@b", "http://127.0.0.1:8080/a@b"),
        ("s3://bucket/user@home/x", "s3://bucket/user@home/x"),
        ("https://h/x?X-Amz-Signature=abc&width=3", "https://h/x?X-Amz-Signature=***&width=3"),
        ("https://h/x?api_key=abc", "https://h/x?api_key=***"),
    ],
)
def test_credentials_are_not_written(text: str, shown: str) -> None:
    """Userinfo and signatures go wherever they stand; ports and keys with an at sign stay."""
    record = _record(error=text, dataset=text, parameters={"dataset": text, "nested": {"list": [text]}})
    assert (record["dataset"], record["tiles"][1]["error"]) == (shown, shown)
    assert record["parameters"] == {"dataset": shown, "nested": {"list": [shown]}}


def test_values_named_like_secrets_are_hidden() -> None:
    """Whatever a block or setting called password, token or secret holds is not shown."""
    assert redact({"aws_secret_access_key": "x", "Token": "y", "width": 1}) == {
        "aws_secret_access_key": "***",
        "Token": "***",
        "width": 1,
    }


class _Cells(HTMLParser):
    """The text of each table cell, and every tag seen."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: set[str] = set()
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - html.parser's own
        self.tags.add(tag)
        if tag in ("td", "th"):
            self._inside = True
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.cells[-1] += data


def _rendered(text: str) -> _Cells:
    page = _Cells()
    page.feed(MarkdownIt("commonmark").enable("table").render(text))
    return page


HOSTILE = "a|b\n| c | <script>alert(1)</script> `x` **b** [l](http://h) \\| &lt; \x1b[31m\x00 ~~~ # h\r\n\n---\n_x_ !"


@given(st.one_of(st.just(HOSTILE), st.text(max_size=80)))
def test_any_error_text_is_one_cell(error: str) -> None:
    """A renderer of markdown shows a tile's error as it is, in one cell, and makes nothing else of it."""
    page = _rendered(
        "| a | b |\n| --- | --- |\n| " + report_markdown.plain("name") + " | " + report_markdown.plain(error) + " |"
    )
    shown = " ".join("".join(character if character.isprintable() else " " for character in error).split())
    assert [cell.strip() for cell in page.cells] == ["a", "b", "name", shown]
    assert page.tags == {"table", "thead", "tbody", "tr", "th", "td"}


def test_very_long_errors_are_cut() -> None:
    """One tile's error cannot make the report unreadable; run.json has all of it."""
    assert len(report_markdown.plain("x" * 10_000)) == report_markdown.TEXT_CHARACTERS


def test_the_report_says_the_essentials_first() -> None:
    """Flooded ground, failures, and that no answer is not no flood stand before the tables."""
    text = report_markdown.markdown(_record(error=HOSTILE))
    head = text[: text.index("## Not assessed")]
    assert "0.25 ha flooded" in head
    assert "1 of 2 tiles were answered, 1 failed" in head
    assert "under cloud" in head
    assert "Permanent water is not told apart from flood" in head
    assert "| Mapped pixel | 1 m |" in head
    assert "no known place" in text


def test_the_report_renders_with_every_part() -> None:
    """Tiles, settings, endpoint and versions are all there, and no hostile text becomes markup."""
    page = _rendered(report_markdown.markdown(_record(error=HOSTILE)))
    for expected in ("good.jp2", "bad.jp2", "width", "flood-extent-1-1", "rasterio"):
        assert expected in page.cells
    assert "script" not in page.tags


def test_hashes_are_in_files_of_their_own() -> None:
    """Nobody reads a hash: the report names the file that has them, and programs find them there."""
    record = _record()
    text = report_markdown.markdown(record)
    assert "`SHA256SUMS`" in text
    assert record["content_hash"] not in text
    assert "ab12" not in text


def test_a_clean_run_says_so() -> None:
    """Nothing failed, no endpoint was needed, no warning: each section says it rather than being empty."""
    extent = TileExtent(MultiPolygon(), _ground(0, 0, 100, 100), MultiPolygon(), MultiPolygon(), 0, 0)
    account = Account(_account("good.jp2").job, "extract")
    layers = assemble([AnsweredTile("good.jp2", GRID, extent, 1.0)], [], 0.0)
    text = report_markdown.markdown(_record(accounts=[account], layers=layers, endpoint=None))
    assert "every tile was answered" in text
    assert "None was needed" in text
    assert "## Warnings\n\nNone." in text
