"""Names of tiles and datasets as names of files: safe everywhere, apart everywhere, and always the same."""

import unicodedata
from collections.abc import Sequence
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.formats.shapefile_writer import ENDINGS, tile_stems
from tasks.core.tiles.file_names import safe_name

ids = st.lists(
    st.text(
        st.characters(codec="utf-8") | st.sampled_from('/\\:|.aA nulAUXcon1?*"<> \x00\x1b'), min_size=1, max_size=30
    )
    .map(lambda text: "/".join("_" if part == ".." else part for part in text.lstrip("/").split("/")) or "_")
    .map(lambda text: f"{text}.jp2"),
    unique=True,
    max_size=8,
)


def files(stems: Sequence[str]) -> list[str]:
    return [stem + ending for stem in stems for ending in ENDINGS]


def folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


@given(ids)
def test_tiles_files_can_be_unpacked_on_every_system(names: list[str]) -> None:
    """Windows takes every component as it stands, and none leads out of the folder."""
    for path in files(list(tile_stems(names).values())):
        for part in path.split("/"):
            assert part == part.strip(" .")
            assert part.isprintable()
            assert not set(part) & set('\\:*?"<>|')
            assert not PureWindowsPath(part).is_reserved()
            assert len(part.encode()) <= 255


@given(ids)
def test_tiles_files_stay_apart_on_every_system(names: list[str]) -> None:
    """Neither case nor the form of letters tells two apart, and no file is called as another's folder."""
    paths = [folded(path) for path in files(list(tile_stems(names).values()))]
    assert len(set(paths)) == len(paths)
    folders = {str(folder) for path in paths for folder in PurePosixPath(path).parents}
    assert not folders & set(paths)


@given(ids)
def test_a_tiles_file_is_called_the_same_in_any_order(names: list[str]) -> None:
    """A rerun replaces its files, whichever tile was listed first."""
    assert tile_stems(names) == tile_stems(names[::-1])


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("2021-04-01T10:30:00", "2021-04-01T10_30_00"),
        ("a|b", "a_b"),
        ("aux", "aux_"),
        ("COM1.old", "COM1_.old"),
        ("console", "console"),
        (r"..\..\x", "_.._x"),
        ("\x1b[31mred", "_[31mred"),
        ("M\udcfcnchen", "M_nchen"),
        ("x. ", "x"),
        ("Überflutung 洪水", "Überflutung 洪水"),
    ],
)
def test_what_some_system_forbids_is_replaced(name: str, safe: str) -> None:
    """Letters of any script stay; control characters, separators and names of devices do not."""
    assert safe_name(name, 180) == safe


def test_tiles_that_would_get_one_name_get_a_hash_each() -> None:
    """Cleaned alike, they are still two files; a tile that collides with none keeps its plain name."""
    stems = tile_stems(["a|b.jp2", "a?b.jp2", "c.jp2"])
    assert stems["c.jp2"] == "c"
    assert len(set(stems.values())) == 3
    assert all(stems[tile].startswith("a_b-") for tile in ("a|b.jp2", "a?b.jp2"))


def test_a_tile_is_not_called_as_the_folder_of_another() -> None:
    """``a.shp`` cannot be a file and a folder."""
    stems = tile_stems(["a.jp2", "a.shp/b.jp2"])
    assert stems["a.jp2"].startswith("a-")
    assert stems["a.shp/b.jp2"] == "a.shp/b"
