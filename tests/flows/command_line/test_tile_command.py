"""``flood-extent tile``: what it leaves is what a run makes of the frame."""

import re
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
from command_line import CommandLine, Scene
from PIL import Image
from rich.console import Console

from flows.command_line.tile_command import CONFIDENCE, JPEG, LABEL_MASK, POLYGONS, VALID_MASK, map_tile, run_tile
from flows.parameters import RunParameters
from tasks.core.errors import UnreadableImage, UnusableArgument


@pytest.fixture(scope="module")
def kept(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the command leaves for the scene's first frame."""
    output = tmp_path_factory.mktemp("out")
    frame = min(scene.dataset.glob("*.jp2"))
    run_tile(RunParameters(dataset=str(frame), output_directory=str(output), width=200), Console(quiet=True))
    return output / f"{frame.stem}_tile"


def test_everything_of_the_way_is_kept(kept: Path) -> None:
    """JPEG, masks, confidence and polygons, the images with world files for a GIS."""
    names = {path.name for path in kept.iterdir()}
    images = {JPEG, VALID_MASK, LABEL_MASK, CONFIDENCE}
    assert names == images | {Path(name).with_suffix(".wld").name for name in images} | {POLYGONS}


def test_the_label_mask_holds_labels_under_its_colours(kept: Path) -> None:
    """Its indices are the labels, so that what looks right can be counted, too."""
    labels = np.asarray(Image.open(kept / LABEL_MASK))
    assert set(np.unique(labels)) == {0, 1}


def test_polygons_lie_where_the_images_do(kept: Path) -> None:
    """The flood's area in the layer is that of its pixels by the world file."""
    labels, valid = (np.asarray(Image.open(kept / name)) for name in (LABEL_MASK, VALID_MASK))
    with rasterio.open(kept / LABEL_MASK) as image:
        pixel_m2, bounds = abs(image.transform.determinant), image.bounds
    info = pyogrio.read_info(kept / POLYGONS, layer="area_observed", force_total_bounds=True)
    assert info["total_bounds"] == pytest.approx(tuple(bounds), abs=2 * pixel_m2**0.5)
    *_, (areas_m2,) = pyogrio.raw.read(kept / POLYGONS, layer="flood_extent", columns=["area_m2"])
    assert areas_m2.sum() == pytest.approx(pixel_m2 * int(((labels == 1) & (valid == 255)).sum()), rel=0.02)


def test_a_folder_of_frames_is_refused(scene: Scene) -> None:
    """One frame at a time: of several nobody would know which was kept."""
    with pytest.raises(UnusableArgument, match="holds 6 frames"):
        map_tile(RunParameters(dataset=str(scene.dataset)))


def test_a_frame_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    """With the reason that a run gives its tile."""
    (tmp_path / "a.jp2").write_bytes(b"no image")
    with pytest.raises(UnreadableImage, match=r"a\.jp2"):
        map_tile(RunParameters(dataset=str(tmp_path / "a.jp2")))


def test_an_unknown_model_is_an_unusable_argument(scene: Scene) -> None:
    """As `run` has it: named as the option, before anything is decoded."""
    with pytest.raises(UnusableArgument, match="`model` none"):
        map_tile(RunParameters(dataset=str(min(scene.dataset.glob("*.jp2"))), model="none"))


def test_an_output_that_is_no_folder_is_named(command: CommandLine, scene: Scene) -> None:
    """A file in its way is no fault of the program."""
    (command.folder / "taken").write_bytes(b"a person's")
    status, said = command("tile", min(scene.dataset.glob("*.jp2")), "--width", "50", "--output", "taken")
    assert (status in {1, 64}, "fault of the program" in said, "taken" in said) == (True, False, True)


def test_the_command_tells_where_to_look(command: CommandLine, scene: Scene) -> None:
    """The size, the flood with its area, and the files."""
    status, said = command("tile", min(scene.dataset.glob("*.jp2")), "--width", "200")
    assert (status, POLYGONS in said, bool(re.search(r"polygons of [\d,]+ m² in all", said))) == (0, True, True)
