"""What the page of a scoring run says, and that it stays of a size that the dashboard shows."""

import base64
import json
import math
import re
from dataclasses import replace

import cv2
import numpy as np
import pytest
import shapely

from tasks.core.reports.run_page import PICTURE_BYTES, TABLE_ROWS
from tasks.core.scoring import score_page
from tasks.core.scoring.displacement import Displacement
from tasks.core.scoring.scored_product import Assessment
from tasks.core.scoring.scoring import Regions, Score

NOTHING = shapely.Polygon()
HALF, FULL = Score(50.0, 100.0, 50.0, 0.0), Score(100.0, 100.0, 100.0, 0.0)
PNG = bytes(cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes())


def assessment(**tiles: Score) -> Assessment:
    """With the score of a half over all."""
    regions = Regions(NOTHING, NOTHING, NOTHING, None)
    return Assessment(HALF, Displacement(0.5, 12.25), tiles, regions, "EPSG:7855")


def test_the_table_has_all_first_and_then_what_agrees_least() -> None:
    """A person looks for the worst tile: it is not the last of a thousand."""
    rows = score_page.score_table(assessment(a=FULL, b=HALF))
    assert [(row["tile"], row["IoU"]) for row in rows] == [("all", 0.5), ("b", 0.5), ("a", 1.0)]
    assert (rows[0]["precision"], rows[0]["recall"], rows[0]["miss ha"]) == (1.0, 0.5, 0.01)


def test_a_long_table_is_cut_and_says_so() -> None:
    """The row for all is there, and the best tiles are what is left out."""
    many = assessment(**{f"t{number}": FULL for number in range(TABLE_ROWS)}, worst=HALF)
    rows = score_page.score_table(many)
    assert (len(rows), rows[0]["tile"], rows[1]["tile"]) == (TABLE_ROWS, "all", "worst")
    assert score_page.table_text("town", many).endswith(f"2 of {TABLE_ROWS + 1:,} tiles are not shown.")
    assert "not shown" not in score_page.table_text("town", assessment(a=FULL))


def test_flood_where_none_was_to_be_is_no_number_that_json_lacks() -> None:
    """The bias is infinite then: the table leaves it empty, the page writes it out."""
    alarm = Score(100.0, 0.0, 0.0, 0.0)
    rows = score_page.score_table(assessment(a=alarm))
    assert rows[1]["bias"] is None
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    page = score_page.score_page("town", replace(assessment(), score=alarm), PNG, None, None)
    assert math.isinf(alarm.bias)
    assert "| bias | inf |" in page


def test_the_page_has_figures_picture_and_place() -> None:
    """What agrees, how far the outlines lie apart, what was not scored, and where the files are."""
    outside = replace(assessment(), score=replace(HALF, reference_outside_m2=300.0))
    page = score_page.score_page("town", outside, PNG, "s3://b/score", None)
    assert "| IoU | 0.5000 |" in page
    assert "| outlines apart | median 0.50 m, 95 % within 12.25 m |" in page
    assert "75.0%, 0.03 ha" in page
    assert "In s3://b/score: `agreement.gpkg`" in page
    assert "Warning" not in page


def test_a_large_picture_is_made_to_fit() -> None:
    """Artifacts have a limit, and a browser has to load it."""
    noise = np.random.default_rng(1).integers(0, 255, (1400, 1400, 3), dtype=np.uint8)
    png = bytes(cv2.imencode(".png", noise)[1].tobytes())
    page = score_page.score_page("town", assessment(), png, None, None)
    (encoded,) = re.findall(r"\(data:image/jpeg;base64,([^)]+)\)", page)
    assert len(encoded) <= PICTURE_BYTES
    assert cv2.imdecode(np.frombuffer(base64.b64decode(encoded), np.uint8), cv2.IMREAD_COLOR) is not None


@pytest.mark.parametrize("name", ["<script>", "a](javascript:x)"])
def test_no_name_passes_for_markup(name: str) -> None:
    """Of a product, of a tile, or in a sentence of what was read."""
    page = score_page.score_page(name, assessment(), PNG, f"/data/{name}", f"frames of {name}")
    assert "<" not in page
    assert not re.search(r"(?<!\\)\]\(javascript", page)
    assert "<" not in str(score_page.score_table(assessment(**{name: FULL})))
