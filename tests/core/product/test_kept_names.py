"""Under which names files of people stay beside a new product."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.product.kept_names import Present, is_kept_name, kept_names

PRODUCT = frozenset({"run.json", "x.gpkg", "x.shp", "x.dbf", "x.shx", "tiles/a.shp", "tiles/a.dbf"})


def present(*names: str, changed: frozenset[str] = frozenset()) -> Present:
    everything = PRODUCT | set(names)
    return Present(everything, PRODUCT - changed, PRODUCT)


def test_what_no_run_has_listed_stays_where_it_is() -> None:
    """Projects, styles and folders of people, and shapefiles of their own, keep their names."""
    foreign = ("map.qgz", "x.qml", "notes/a/b.txt", "mine.shp", "mine.qix", "mine.gpkg-wal", "x")
    assert kept_names(present(*foreign), PRODUCT, PRODUCT) == {}


@pytest.mark.parametrize(
    ("there", "changed", "kept"),
    [
        ((), {"run.json"}, {"run.json": "run.json.edited"}),
        (("run.json.edited",), {"run.json"}, {"run.json": "run.json.edited-2"}),
        (("Run.JSON.Edited",), {"run.json"}, {"run.json": "run.json.edited-2"}),
        ((), {"x.dbf"}, {"x.dbf": "x.edited.dbf", "x.shp": "x.edited.shp", "x.shx": "x.edited.shx"}),
        (
            ("tiles/a.qix", "tiles/a.edited.shp"),
            {"tiles/a.shp"},
            {
                "tiles/a.dbf": "tiles/a.edited-2.dbf",
                "tiles/a.qix": "tiles/a.edited-2.qix",
                "tiles/a.shp": "tiles/a.edited-2.shp",
            },
        ),
        (
            ("x.gpkg-wal", "x.gpkg-shm"),
            set(),
            {"x.gpkg": "x.gpkg.edited", "x.gpkg-shm": "x.gpkg.edited-shm", "x.gpkg-wal": "x.gpkg.edited-wal"},
        ),
    ],
)
def test_what_was_edited_is_kept_so_that_it_still_opens(
    there: tuple[str, ...], changed: set[str], kept: dict[str, str]
) -> None:
    """An earlier kept file is never replaced; parts of a shapefile, and a database with its journal, stay together."""
    assert kept_names(present(*there, changed=frozenset(changed)), PRODUCT, PRODUCT) == kept


def test_a_geodatabase_that_was_edited_stays_whole() -> None:
    """Its files, and the locks of whoever has it open, go together under a name that programs still open."""
    files = frozenset({"x.gdb/a1.gdbtable", "x.gdb/a1.gdbtablx", "x.gdb/gdb"})
    there = Present(files | {"x.gdb/a1.lock"}, files - {"x.gdb/a1.gdbtable"}, files)
    kept = kept_names(there, files, files)
    assert set(kept) == there.names
    assert kept["x.gdb/gdb"] == "x.edited.gdb/gdb"
    assert kept_names(Present(files, files, files), files, files) == {}


def test_an_index_never_stays_beside_another_shapefile() -> None:
    """A spatial index of the former shapefile would hide features of the new one; of the same one it stays."""
    assert kept_names(present("x.qix"), PRODUCT, {"x.shp"}) == {"x.qix": "x.edited.qix"}
    assert kept_names(present("x.qix"), PRODUCT, {"run.json"}) == {}


def test_what_is_in_the_way_is_kept() -> None:
    """A file under a name that the new product needs, for a file or for a folder, goes beside; so does a folder."""
    new = PRODUCT | {"new.shp", "deep/er/file"}
    there = present("new.shp", "deep", "plain/x", "folder/inside")
    assert kept_names(there, new | {"folder"}, new) == {
        "deep": "deep.edited",
        "folder/inside": "folder.edited/inside",
        "new.shp": "new.edited.shp",
    }


NAMES = st.sampled_from([f"{base}{end}" for base in ("a", "a.edited", "d/a") for end in (".shp", ".gpkg", ".qix", "")])


@given(st.frozensets(NAMES), st.frozensets(NAMES), st.frozensets(NAMES), st.frozensets(NAMES))
def test_no_two_things_ever_get_one_name(
    names: frozenset[str], listed: frozenset[str], unchanged: frozenset[str], new: frozenset[str]
) -> None:
    """Whatever lies there: nothing that is kept takes the name of another thing, and what was changed is kept."""
    there = Present(names, unchanged & names & listed, listed)
    kept = kept_names(there, new, new)
    assert len(set(kept.values())) == len(kept)
    assert not set(kept.values()) & (names | new)
    assert (names - there.unchanged) & (listed | new) <= kept.keys()


@pytest.mark.parametrize(
    ("name", "of", "is_it"),
    [
        ("a.txt.edited", "a.txt", True),
        ("a.txt.edited-12", "a.txt", True),
        ("a.edited-2.shp", "a.shp", True),
        ("a.edited.shp", "b.shp", False),
        ("a.edited.txt", "a.txt", False),
        ("a.shp", "a.shp", False),
    ],
)
def test_a_kept_name_is_known(name: str, of: str, is_it: bool) -> None:
    """After a kill, a copy is told from a newer file by name and content."""
    assert is_kept_name(name, of) is is_it
