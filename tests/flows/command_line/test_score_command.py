"""``flood-extent score``: what it prints, and what it leaves where that is asked."""

from pathlib import Path

import pytest
from products import contents
from two_tiles import make_two_tiles

from flows.command_line import cli
from tasks.services import storage


@pytest.fixture
def product(tmp_path: Path) -> Path:
    """Two tiles: of the flood in the second one half was mapped."""
    return make_two_tiles(tmp_path)[0]


def test_the_measures_are_printed(product: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Overall, the outlines' distance, and the tile that agrees least."""
    assert cli.main(["score", str(product), str(product.parent / "r.gpkg")]) == 0
    printed = capsys.readouterr().out
    assert "IoU 0.7500" in printed
    assert "false alarm ratio 0.0000  bias 0.7500" in printed
    assert "outlines apart: median 0.00 m, 95 % within" in printed
    assert "least agreement: IoU 0.5000 in b" in printed


def test_what_agrees_is_left_where_that_is_asked(product: Path, place: str) -> None:
    """Layer, picture, table and summary, in a folder or in S3, and nothing beside what was compared."""
    arguments = ["score", str(product), str(product.parent / "r.gpkg"), "--output"]
    assert cli.main([*arguments, storage.join(place, "score")]) == 0
    left = sorted(contents(storage.join(place, "score")))
    assert left == ["agreement.gpkg", "agreement.png", "score.csv", "score.json"]
    assert [path.name for path in product.iterdir()] == ["flood_extent.gpkg"]


def test_a_place_that_is_none_is_refused(product: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By name, and not taken for a folder."""
    arguments = ["score", str(product), str(product.parent / "r.gpkg"), "--output", "ftp://host/score"]
    assert cli.main(arguments) == cli.UNUSABLE
    assert "'ftp://host/score' is neither a local path nor s3://bucket/prefix" in capsys.readouterr().err
