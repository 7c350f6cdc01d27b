"""Frames and shells that people had: listing, names and settings end as is right for them."""

import shutil
import zipfile
from pathlib import Path, PureWindowsPath

import pyogrio
import pytest
import shapely
from command_line import CommandLine, Scene

pytestmark = pytest.mark.slow

HOSTILE = {"PROJ_LIB": "empty", "PROJ_DATA": "empty", "GDAL_DATA": "empty", "GDAL_GEOREF_SOURCES": "NONE"}
HOSTILE |= {"GDAL_SKIP": "JP2OpenJPEG,GPKG,ESRI Shapefile", "GDAL_PAM_ENABLED": "NO", "CPL_DEBUG": "ON"}


@pytest.fixture
def found(shared_data: Path) -> Path:
    """The folder of cases that people had."""
    if not (shared_data / "found").is_dir():
        pytest.skip("the cases that people had (../shared/data/found) are not on this machine")
    return shared_data / "found"


def origin(product: Path) -> tuple[int, int]:
    """Left and upper edge of what was observed."""
    left, _, _, top = pyogrio.read_info(product / "flood_extent.gpkg", layer="area_observed")["total_bounds"]
    return round(left), round(top)


def test_a_sidecar_of_another_case_moves_no_frame(command: CommandLine, found: Path) -> None:
    """The world file of one folder does not place the other's frame, nor one frame's sidecar another."""
    status, printed = command("plan", found / "sidecar-other-case" / "folders", "--crs", "EPSG:7855")
    assert "1 would fail" in printed
    assert "north/t1.jp2: no transform" in printed.replace("\n", "")
    frames = command.folder / "names"
    frames.mkdir()
    for name in ("a.jp2", "A.jp2", "A.jp2.aux.xml"):
        shutil.copyfile(found / "sidecar-other-case" / "names" / name, frames / name)
    assert command("run", frames)[0] == 0
    places = pyogrio.raw.read(command.folder / "out/names/flood_extent.gpkg", layer="tiles", columns=["tile"])
    lefts = dict(zip(places[3][0], shapely.bounds(shapely.from_wkb(places[2]))[:, 0].round(), strict=True))
    assert (status, lefts) == (0, {"a.jp2": 500000, "A.jp2": 600000})


def test_another_installations_proj_and_gdal_do_not_reach_ours(command: CommandLine, found: Path) -> None:
    """The frame has the CRS that it says, so that a wrong one given is a conflict, not a map in another zone."""
    (command.folder / "empty").mkdir()
    hostile = HOSTILE | {name: str(command.folder / "empty") for name in ("PROJ_LIB", "PROJ_DATA", "GDAL_DATA")}
    status, printed = command("plan", found / "good", **hostile)
    assert status == 0
    assert "EPSG:7855" in printed
    status, printed = command("run", found / "good", "--crs", "EPSG:7856", **hostile)
    assert status == 1
    assert "they differ in more than the datum" in printed.replace("\n", " ")


def test_a_run_in_a_hostile_shell_makes_the_same_product(command: CommandLine, scene: Scene) -> None:
    """The whole program, its server and its endpoint: the same content hash."""
    (command.folder / "empty").mkdir()
    hostile = HOSTILE | {name: str(command.folder / "empty") for name in ("PROJ_LIB", "PROJ_DATA", "GDAL_DATA")}
    assert command("run", scene.dataset, "--output", "clean", "--work-directory", "one")[0] == 0
    status, printed = command("run", scene.dataset, "--output", "hostile", "--work-directory", "two", **hostile)
    assert status == 0, printed
    hashes = {command.record(output=output)["content_hash"] for output in ("clean", "hostile")}
    assert len(hashes) == 1


def test_names_of_tiles_can_be_unpacked_everywhere(command: CommandLine, found: Path) -> None:
    """No member of the zip has a name that Windows refuses, and each tile has its shapefile; tables keep the names."""
    assert command("run", found / "windows-names" / "frames")[0] == 0
    with zipfile.ZipFile(command.folder / "out/frames/frames.zip") as archive:
        names = archive.namelist()
    for part in (part for name in names for part in name.split("/")):
        assert not set(part) & set('\\:*?"<>|')
        assert not PureWindowsPath(part).is_reserved()
    tiles = {row["tile"] for row in command.record("frames")["tiles"]}
    assert tiles == {"2021-04-01T10:30:00.jp2", "a|b.jp2", "aux.jp2"}
    assert sum(name.startswith("tiles/") and name.endswith(".shp") for name in names) == 3


@pytest.mark.parametrize("case", ["jp2w", "byte-order-mark"])
def test_world_files_of_other_programs_place_their_frame(command: CommandLine, found: Path, case: str) -> None:
    """The long ending and the mark of Windows editors both place the frame at 500000 6250000."""
    status, printed = command("run", found / "world-files" / case, "--crs", "EPSG:7855")
    assert status == 0, printed
    assert origin(command.folder / "out" / case) == (500000, 6250000)


def test_unusual_frames_are_mapped_and_plan_and_run_say_the_same(command: CommandLine, found: Path) -> None:
    """Odd ends, an unusual tile grid and many small tiles are mapped; a name that is none fails, in the same words."""
    frames = command.folder / "frames"
    for case in ("not-cut-short", "tile-grid-offset", "many-small-tiles", "latin1-name"):
        shutil.copytree(found / case / "frames", frames / case)
    _, planned = command("plan", frames)
    assert command("run", frames, "--failure-tolerance", "0.2")[0] == 2
    tiles = command.record("frames")["tiles"]
    failed = {row["tile"]: row["error"] for row in tiles if row["state"] == "failed"}
    assert list(failed) == [r"latin1-name/M\xfcnchen.jp2"]
    assert "".join(failed.popitem()[1].split()) in "".join(planned.split())
    flooded = {row["tile"]: row["flood_m2"] / 1e4 for row in tiles if row["state"] == "done"}
    assert flooded.pop("many-small-tiles/frame.jp2") == pytest.approx(12.5, abs=0.3)
    assert list(flooded.values()) == pytest.approx([flooded["tile-grid-offset/frame.jp2"]] * 5)
    assert flooded["tile-grid-offset/frame.jp2"] == pytest.approx(6.62, abs=0.1)  # a third of their resolution
