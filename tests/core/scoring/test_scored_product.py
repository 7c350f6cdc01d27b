"""A product held against a reference in full: by tile, as files, as a picture."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pyogrio.raw
import pytest
import shapely

from tasks.core.formats.geopackage import write_geopackage
from tasks.core.product.layer import Layer
from tasks.core.scoring.score_files import assess
from tasks.core.scoring.scored_product import AGREEMENT, COLOURS, PICTURE, SUMMARY, TABLE, Assessment, write_assessment

CRS = "EPSG:7855"
X, Y = 500_000.0, 6_600_000.0


def box(x: float, y: float, width: float, height: float) -> shapely.Polygon:
    return shapely.box(X + x, Y + y, X + x + width, Y + y + height)


def layer(name: str, *areas: shapely.Polygon, **columns: list[str]) -> Layer:
    texts = {key: np.array(values, np.object_) for key, values in columns.items()}
    return Layer(name, "Polygon", CRS, np.array(areas, np.object_), {"area_m2": np.zeros(len(areas)), **texts})


@pytest.fixture
def assessment(tmp_path: Path) -> Assessment:
    """Two tiles of 100 m: the left one is mapped as it is, of the right one half, and a little where nothing is."""
    ground, states = (box(0, 0, 100, 100), box(100, 0, 100, 100), box(200, 0, 9, 9)), ["done", "done", "failed"]
    tiles = layer("tiles", *ground, tile=["a", "b", "c"], state=states)
    layers = [
        layer("flood_extent", box(20, 20, 60, 60), box(120, 20, 30, 60), box(180, 90, 10, 5)),
        layer("area_observed", box(0, 0, 200, 100)),
        tiles,
    ]
    write_geopackage(layers, tmp_path / "flood_extent.gpkg", title="test")
    write_geopackage([layer("r", box(20, 20, 60, 60), box(120, 20, 60, 60))], tmp_path / "r.gpkg", title="test")
    return assess(tmp_path / "flood_extent.gpkg", tmp_path / "r.gpkg")


def test_each_answered_tile_has_its_score(assessment: Assessment) -> None:
    """The one that was mapped well is told from the other; a failed tile has none."""
    assert {tile: round(score.iou, 3) for tile, score in assessment.tiles.items()} == {"a": 1.0, "b": 0.493}
    score = assessment.score
    assert (score.recall, score.false_alarm_ratio) == pytest.approx((5400 / 7200, 50 / 5450), rel=1e-4)
    assert score.bias == pytest.approx(5450 / 7200, rel=1e-4)


def test_the_files_say_the_same(assessment: Assessment, tmp_path: Path) -> None:
    """Layer, table and summary agree on hits, misses and false alarms, to the square metre."""
    write_assessment(assessment, tmp_path / "out", "a town")
    meta, _, _, columns = pyogrio.raw.read(tmp_path / "out" / AGREEMENT, layer="agreement")
    found = dict(zip(meta["fields"].tolist(), columns, strict=True))
    summary = json.loads((tmp_path / "out" / SUMMARY).read_text())
    in_layer = dict(zip(found["agreement"], found["area_m2"], strict=True))
    assert in_layer == pytest.approx({name: summary[f"{name}_m2"] for name in COLOURS}, abs=1e-3)
    rows = list(csv.DictReader((tmp_path / "out" / TABLE).open()))
    assert [row["tile"] for row in rows] == ["all", "a", "b"]
    assert float(rows[0]["miss_m2"]) == pytest.approx(summary["miss_m2"])


def test_the_picture_shows_what_agrees_and_what_does_not(assessment: Assessment, tmp_path: Path) -> None:
    """Each in its colour, about as much of it as there is ground."""
    write_assessment(assessment, tmp_path / "out", "a town")
    picture = cv2.imread(str(tmp_path / "out" / PICTURE))
    pixels = {name: int((picture == colour).all(axis=2).sum()) for name, colour in COLOURS.items()}
    assert pixels["hit"] > pixels["miss"] > pixels["false_alarm"] > 0


def test_an_assessment_can_be_written_again(assessment: Assessment, tmp_path: Path) -> None:
    """Files of the same names are replaced."""
    for _ in range(2):
        write_assessment(assessment, tmp_path / "out", "a town")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted([AGREEMENT, TABLE, SUMMARY, PICTURE])
