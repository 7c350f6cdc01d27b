"""Which sidecar belongs to which image of a folder."""

import itertools
import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.errors import NotGeoreferencedWarning

from tasks.core.jpeg2000.sidecars import Folder

WORLD_FILE = "0.5\n0\n0\n-0.5\n{east}\n6250000\n"


@pytest.mark.parametrize(
    ("names", "belongs"),
    [
        (["a.jp2", "a.j2w"], {"a.jp2": ["a.j2w"]}),
        (["A.JP2", "A.j2w", "A.JP2.aux.xml"], {"A.JP2": ["A.j2w", "A.JP2.aux.xml"]}),
        (["a.jp2", "A.J2W"], {"a.jp2": ["A.J2W"]}),
        (["a.jp2", "A.jp2", "A.jp2.aux.xml"], {"a.jp2": [], "A.jp2": ["A.jp2.aux.xml"]}),
        (["a.jp2", "a.JP2", "a.j2w"], {"a.jp2": ["a.j2w"], "a.JP2": []}),
        (["a.jp2", "a.JP2", "a.J2W"], {"a.jp2": [], "a.JP2": ["a.J2W"]}),
        (["a.jp2", "a.JP2", "a.j2w", "a.J2W"], {"a.jp2": ["a.j2w"], "a.JP2": ["a.J2W"]}),
        (["a.jp2", "a.JP2", "A.jp2.aux.xml"], {"a.jp2": [], "a.JP2": []}),
        (["a.jp2", "A.JP2", "a.wld", "A.jp2w"], {"a.jp2": ["a.wld"], "A.JP2": ["A.jp2w"]}),
        (["Ab.jp2", "aB.jp2", "ab.j2w"], {"Ab.jp2": [], "aB.jp2": []}),
        (["a.jp2", "a.j2w", "a.J2W"], {"a.jp2": ["a.j2w"]}),
        (["a.jp2", "a.jgw", "a.jp2.j2w", "a.tfw"], {"a.jp2": []}),
        (["a.jp2", "a.wld", "a.jp2w", "a.j2w"], {"a.jp2": ["a.j2w", "a.jp2w", "a.wld"]}),
    ],
)
def test_a_sidecar_belongs_to_the_image_of_its_case(names: list[str], belongs: dict[str, list[str]]) -> None:
    """Another spelling is taken where no image has it; what would fit two images equally places neither."""
    folder = Folder(names)
    assert {image: list(folder.sidecars(image)) for image in belongs} == belongs


ENDINGS = ["j2w", "J2W", "jp2w", "JP2W", "wld", "WLD", "jgw", "jpw", "tfw", "j2kw"]


@pytest.mark.parametrize("endings", [*((one,) for one in ENDINGS), *itertools.combinations(["j2w", "jp2w", "wld"], 2)])
def test_world_files_are_those_that_gdal_reads(tmp_path: Path, endings: tuple[str, ...]) -> None:
    """Of each ending, and of each two, GDAL itself is the judge: the first of ours is the one that it takes."""
    path = tmp_path / "a.jp2"
    with rasterio.open(path, "w", driver="JP2OpenJPEG", width=64, height=64, count=3, dtype="uint8") as dataset:
        dataset.write(np.zeros((3, 64, 64), np.uint8))
    for number, ending in enumerate(endings):
        (tmp_path / f"a.{ending}").write_text(WORLD_FILE.format(east=100_000 * (number + 1)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path) as dataset:
            east = round(dataset.transform.c)
    taken = Folder(file.name for file in tmp_path.iterdir()).sidecars("a.jp2")
    assert taken[:1] == ((f"a.{endings[east // 100_000 - 1]}",) if east else ())
