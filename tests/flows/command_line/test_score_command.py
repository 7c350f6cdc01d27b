"""``flood-extent score``: what it prints, and what it leaves where that is asked."""

from pathlib import Path

import numpy as np
import pytest
import shapely

from flows.command_line import cli
from tasks.core.formats.geopackage import write_geopackage
from tasks.core.product.layer import Layer

CRS = "EPSG:7855"


def box(west: float, width: float) -> shapely.Polygon:
    return shapely.box(500_000 + west, 6_600_000, 500_000 + west + width, 6_600_100)


def layer(name: str, *areas: shapely.Polygon, **columns: list[str]) -> Layer:
    texts = {key: np.array(values, np.object_) for key, values in columns.items()}
    return Layer(name, "Polygon", CRS, np.array(areas, np.object_), {"area_m2": np.zeros(len(areas)), **texts})


@pytest.fixture
def product(tmp_path: Path) -> Path:
    """Two tiles: of the flood in the second one half was mapped."""
    (tmp_path / "town").mkdir()
    tiles = layer("tiles", box(0, 200), box(200, 200), tile=["a", "b"], state=["done", "done"])
    layers = [layer("flood_extent", box(50, 100), box(250, 50)), layer("area_observed", box(0, 400)), tiles]
    write_geopackage(layers, tmp_path / "town" / "flood_extent.gpkg", title="town")
    write_geopackage([layer("r", box(50, 100), box(250, 100))], tmp_path / "r.gpkg", title="r")
    return tmp_path / "town"


def test_the_measures_are_printed(product: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Overall, the outlines' distance, and the tile that agrees least."""
    assert cli.main(["score", str(product), str(product.parent / "r.gpkg")]) == 0
    printed = capsys.readouterr().out
    assert "IoU 0.7500" in printed
    assert "false alarm ratio 0.0000  bias 0.7500" in printed
    assert "outlines apart: median 0.00 m, 95 % within" in printed
    assert "least agreement: IoU 0.5000 in b" in printed


def test_what_agrees_is_left_where_that_is_asked(product: Path, tmp_path: Path) -> None:
    """Layer, picture, table and summary, in a local folder and nowhere else."""
    arguments = ["score", str(product), str(product.parent / "r.gpkg"), "--output"]
    assert cli.main([*arguments, str(tmp_path / "out")]) == 0
    left = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert left == ["agreement.gpkg", "agreement.png", "score.csv", "score.json"]


def test_a_bucket_is_no_place_for_it(product: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is refused, not taken for a folder of that name."""
    assert cli.main(["score", str(product), str(product.parent / "r.gpkg"), "--output", "s3://b/score"]) != 0
    assert "give a local folder" in capsys.readouterr().err
