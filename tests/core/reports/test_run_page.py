"""What the artifacts of a run say."""

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.reports import run_page
from tasks.core.reports.run_json import TileRow

HEADS = ["tile", "state", "failed in", "flooded ha", "error", "seconds", "padding removed px", "remembered", "task run"]


def row(tile: str, **values: Any) -> TileRow:
    known: TileRow = {
        "tile": tile,
        "state": "done",
        "stage": "extract",
        "seconds": 1.234,
        "seconds_by_stage": {},
        "cached": [],
        "frame_hash": "hash",
        "error": None,
        "unusable": False,
        "task_run": None,
        "flood_m2": 12_345.0,
        "observed_m2": 20_000.0,
        "overlap_m2": 0.0,
        "pad_px": 7,
        "warnings": [],
    }
    return {**known, **values}  # type: ignore[typeddict-item]


def png(height: int, width: int, *, noise: bool = False) -> bytes:
    """A map of a kind: noise, the hardest to compress, or flat; with words in it."""
    picture = np.random.default_rng(1).integers(0, 255 if noise else 1, (height, width, 3), dtype=np.uint8)
    picture[-60:] = 244
    cv2.putText(picture, "not assessed", (16, height - 20), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (40, 40, 40), 1)
    return bytes(cv2.imencode(".png", picture)[1].tobytes())


def decoded(uri: str) -> np.ndarray[Any, Any]:
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(uri.partition(",")[2]), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.asarray(picture)


@given(st.text(st.characters(exclude_categories=()), max_size=120))
def test_a_slug_is_a_key_that_prefect_takes(name: str) -> None:
    """Whatever a dataset is called, its artifacts have a key."""
    slug = run_page.slug(name)
    assert 1 <= len(slug) <= 60
    assert set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


@pytest.mark.parametrize(
    ("one", "other"),
    [("Brewarrina", "brewarrina"), ("a b", "a-b"), ("洪水", "淹没"), ("x" * 70 + "1", "x" * 70 + "2"), ("", "-")],
)
def test_different_names_have_different_slugs(one: str, other: str) -> None:
    """Two datasets do not share one history."""
    assert run_page.slug(one) != run_page.slug(other)


def test_a_plain_name_is_its_own_slug() -> None:
    """Who knows the dataset's name finds its artifacts."""
    assert run_page.slug("brewarrina-2021-04") == "brewarrina-2021-04"
    assert run_page.slug("demo_flood") == "demo-flood"


def test_a_small_picture_stays_as_it_is() -> None:
    """Nothing is lost where nothing has to be."""
    picture = png(200, 300)
    assert base64.b64decode(run_page.picture_uri(picture).removeprefix("data:image/png;base64,")) == picture


def test_a_large_picture_becomes_a_small_one() -> None:
    """A map that compresses badly does not make the dashboard slow."""
    uri = run_page.picture_uri(png(1100, 1432, noise=True))
    assert uri.startswith("data:image/jpeg;base64,")
    assert len(uri) <= 400_000


def test_text_in_a_picture_stays_sharp() -> None:
    """Where quality alone makes it small enough, the picture keeps its size and its words their ink."""
    original = png(600, 900, noise=True)
    smaller = decoded(run_page.picture_uri(original, limit_bytes=900_000))
    words = (slice(-60, None), slice(0, 300))
    before = decoded("," + base64.b64encode(original).decode())[words].astype(int)
    assert smaller.shape == (600, 900, 3)
    assert np.abs(smaller[words].astype(int) - before).mean() < 4


@pytest.mark.parametrize("content", [b"", b"no picture"])
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    """A broken file is named, not shown."""
    with pytest.raises(ValueError, match="no picture"):
        run_page.overview_page("demo", content)


def test_the_map_is_one_paragraph_of_markdown() -> None:
    """A dataset's name cannot end the picture early."""
    page = run_page.overview_page("a](x)\n\n<b>", png(20, 30))
    assert page.startswith("![Map of a\\](x) &lt;b&gt;](data:image/png;base64,")
    assert "not assessed" in page


def test_failed_tiles_come_first_then_dropped_ones() -> None:
    """What needs a person is at the top; the rest keeps its order."""
    states = {"a": "done", "b": "dropped", "c": "failed", "d": "done", "e": "failed"}
    table = run_page.tile_table([row(tile, state=state) for tile, state in states.items()])
    assert [line["tile"] for line in table] == ["c", "e", "b", "a", "d"]
    assert all(list(line) == HEADS for line in table)


def test_a_row_says_what_a_tile_took_and_gave() -> None:
    """Figures are rounded and in the units of their heads."""
    (line,) = run_page.tile_table([row("a.jp2", cached=["prepare", "predict"])])
    assert list(line.values()) == ["a.jp2", "done", "", 1.23, "", 1.2, 7, "prepare, predict", ""]


@pytest.mark.parametrize("state", ["failed", "dropped"])
def test_no_answer_is_not_no_flood(state: str) -> None:
    """A tile without an answer has no hectares, not even none."""
    (line,) = run_page.tile_table([row("a.jp2", state=state, stage="predict", flood_m2=0.0)])
    assert line["flooded ha"] is None
    assert line["failed in"] == ("predict" if state == "failed" else "")


def test_a_figure_that_is_none_is_left_out() -> None:
    """The table is JSON as browsers read it, which knows neither infinity nor not-a-number."""
    table = run_page.tile_table([row("a", flood_m2=float("nan"), seconds=float("inf"))])
    assert json.loads(json.dumps(table, allow_nan=False))[0]["seconds"] is None


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        ("/data/a_1/b.jp2: cut short. Copy it again", "cut short. Copy it again"),
        ("s3://bucket/a_1/b.jp2: Denied: a_1/b.jp2: no", "Denied: a_1/b.jp2: no"),
        ("the model answered nothing for a_1/b.jp2: again", "the model answered nothing for a_1/b.jp2: again"),
        ("two\nlines\tand <img src=x onerror=go()>", "two lines and ‹img src=x onerror=go()›"),
        ("![x](http://elsewhere/y.png) | *b*", "![x] (http://elsewhere/y.png) | *b*"),
        ("word " * 99, ("word " * 40)[:199] + "…"),
    ],
)
def test_an_error_is_one_line_of_plain_text(error: str, shown: str) -> None:
    """Where a cell is markdown it neither loads nor links anything; where it is text it reads the same."""
    (line,) = run_page.tile_table([row("a_1/b.jp2", state="failed", error=error)])
    assert line["error"] == shown


def test_a_table_has_a_limit_and_says_so() -> None:
    """A dataset of many thousand tiles does not make the dashboard slow, and nobody takes the table for all."""
    rows = [row(str(number), state="failed" if number == 2_500 else "done") for number in range(3_000)]
    table = run_page.tile_table(rows)
    assert (len(table), table[0]["tile"]) == (2_000, "2500")
    assert "2,999 done, 1 failed." in run_page.tiles_text("demo", rows)
    assert "1,000 of 3,000 tiles are not shown: run.json has all." in run_page.tiles_text("demo", rows)


def test_dropped_tiles_are_counted_with_what_to_know_of_them() -> None:
    """The table's words say what a person has left out."""
    words = run_page.tiles_text("demo", [row("a", state="dropped"), row("b")], "Drop tiles by their names.")
    assert words == "1 done, 0 failed, 1 dropped. A row a tile of demo, failed ones first. Drop tiles by their names."


def test_a_short_report_is_shown_as_it_is() -> None:
    """Nothing is cut where nothing has to be."""
    report = "# Flood\n\n| a |\n| --- |\n| 1 |\n\n- one\n- two\n"
    assert run_page.report_page(report) == report


def test_a_long_table_is_cut_and_what_follows_stays() -> None:
    """Settings and versions are found however many tiles there are."""
    table = ["| tile |", "| --- |", *(f"| t{number} |" for number in range(1_000))]
    page = run_page.report_page("\n".join(["## Tiles", "", *table, "", "## Settings", "", "as asked"]), rows=10)
    assert page.count("| t") == 11
    assert "*990 more: `report.md` of the product has all.*" in page
    assert page.endswith("as asked\n")


def test_a_report_that_stays_long_says_where_the_whole_is() -> None:
    """No line is cut in its middle."""
    page = run_page.report_page("a line of words\n" * 1_000, characters=100)
    lines = page.splitlines()
    assert set(lines[:-1]) == {"a line of words", ""}
    assert "report.md" in lines[-1]


FILES = [
    "area_observed.shp",
    "flood_extent.gpkg",
    "flood_extent_epsg7855.dbf",
    "flood_extent_epsg7855.shp",
    "maps 1.zip",
    "overview.png",
    "report.md",
    "run.json",
    "tiles/a.dbf",
    "tiles/a.shp",
    "tiles/b.shp",
]


def links(page: str) -> Mapping[str, str]:
    """Text and address of a page's links."""
    parts = [part.partition("](") for part in page.split("[")[1:]]
    return {text: rest.partition(")")[0] for text, _, rest in parts}


def test_a_product_in_s3_opens_in_a_browser() -> None:
    """The links hold bucket and key as they are, whatever is in their names."""
    page = run_page.product_page("s3://bucket/out/maps 1 (é)/", FILES)
    folder = urlsplit(links(page)["Open in the S3 console"])
    package = urlsplit(links(page)["maps 1.zip"])
    assert (folder.path, parse_qs(folder.query)) == ("/s3/buckets/bucket", {"prefix": ["out/maps 1 (é)/"]})
    assert (package.path, parse_qs(package.query)) == ("/s3/object/bucket", {"prefix": ["out/maps 1 (é)/maps 1.zip"]})
    assert "\n    s3://bucket/out/maps 1 (é)\n" in page


def test_a_local_product_is_named_by_its_path() -> None:
    """A browser opens no local file: the path is text to copy."""
    page = run_page.product_page("/data/out/maps", FILES)
    assert page.startswith("    /data/out/maps\n")
    assert not links(page)


def test_the_main_files_have_a_line_each() -> None:
    """What a person wants to open is named with what it is; what belongs to it is not."""
    lines = [line for line in run_page.product_page("/out", FILES).splitlines() if line.startswith("- ")]
    assert len(lines) == 8
    assert lines[1] == "- **flood\\_extent\\_epsg7855.shp**: shapefile, flood extent (epsg7855)"
    assert lines[-1] == "- **tiles/**: the extent of each tile, 2 shapefiles"


@pytest.mark.parametrize(
    ("ended", "failed", "words", "percent"),
    [
        (0, 0, "predict: 0 of 100,000 tiles", 0.0),
        (31_299, 3, "predict: 31,299 of 100,000 tiles, 3 failed", 31.2),
        (99_999, 0, "predict: 99,999 of 100,000 tiles", 99.9),
        (100_000, 0, "predict: 100,000 of 100,000 tiles", 100.0),
    ],
)
def test_progress_is_whole_only_at_the_end(ended: int, failed: int, words: str, percent: float) -> None:
    """A hundred per cent means that all tiles have ended."""
    assert run_page.progress_text("predict", ended, failed, 100_000) == words
    assert run_page.percent(ended, 100_000) == percent


def test_failed_tiles_lead_to_their_task_runs() -> None:
    """By a link in words, and by an address in the table's row: one of the dashboard's looks shows no link there."""
    rows = [row("a.jp2"), row("b](x).jp2", state="failed", error="cut short", task_run="id")]
    words = run_page.tiles_text("demo", rows, page_of=lambda run: f"/runs/{run}" if run else "")
    assert words.endswith(r"Failed: [b\](x).jp2](/runs/id).")
    assert [line["task run"] for line in run_page.tile_table(rows, lambda run: f"/runs/{run}" if run else "")] == [
        "/runs/id",
        "",
    ]
