"""What an error about a full disk says to do."""

import tempfile
from pathlib import Path

import pytest

from tasks.core.disk_space import room_remedy


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("flood-extent-product-1a/flood_extent.gpkg", "set TMPDIR to a folder with more"),
        ("flood-extent-frame-1a", "set TMPDIR to a folder with more"),
        ("out/flood_extent.gpkg", "choose another folder"),
        ("flood-extent.gpkg/../../data/flood-extent-1/x", "choose another folder"),
    ],
)
def test_the_remedy_is_for_the_place(path: str, words: str) -> None:
    """Nobody has named the folder of temporary files: there it is TMPDIR, elsewhere another folder."""
    place = Path(tempfile.gettempdir(), path)
    assert words in room_remedy(place.resolve() if ".." in path else place)
