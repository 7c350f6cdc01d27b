"""What lies beside a frame and what is computed of it: statistics and a mended place cost no prediction."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
import tile_jobs
from rasterio.transform import from_origin
from s3_front import Front, front

from tasks.core.tiles.jobs import TileJob
from tasks.core.tiles.tile import Tile
from tasks.imagery import prepare
from tasks.services import storage
from tasks.services.frames.dataset_listing import list_tiles

WORLD_FILE = b"0.5\n0\n0\n-0.5\n500000.25\n6249999.75\n"
NODATA = b'<PAMRasterBand band="%d"><NoDataValue>255</NoDataValue></PAMRasterBand>'
STAGES = ("prepare", "predict", "extract")


@pytest.fixture
def frame(tmp_path: Path) -> Path:
    """A georeferenced frame in a folder of its own."""
    return written(tmp_path / "frames" / "a.jp2", placed=True)


def written(path: Path, *, placed: bool) -> Path:
    path.parent.mkdir(parents=True)
    pixels = np.random.default_rng(1).integers(20, 60, (3, 64, 64), dtype=np.uint8)
    place = {"crs": "EPSG:7855", "transform": from_origin(500000, 6250000, 0.5, 0.5)} if placed else {}
    with rasterio.open(path, "w", driver="JP2OpenJPEG", width=64, height=64, count=3, dtype="uint8", **place) as made:
        made.write(pixels)
    return path


def planned(dataset: str, work: Path | str = "/work") -> TileJob:
    tiles = list_tiles(dataset, crs="EPSG:7855", max_pixels=10**6)
    (job,) = tile_jobs.planned(tiles, width_px=64, max_pixels=10**6, work_directory=str(work))
    return job


def anew(dataset: Path, change: Callable[[], object]) -> list[str]:
    """The stages that are computed again after a change of what lies beside the frame."""
    before = planned(str(dataset))
    change()
    after = planned(str(dataset))
    assert after.tile.problem is None
    return [stage for stage in STAGES if getattr(before, f"{stage}_key") != getattr(after, f"{stage}_key")]


def look_at(frame: Path) -> None:
    """What a GIS program does that shows a frame: GDAL computes statistics and writes them beside it."""
    with rasterio.open(frame) as dataset:
        for band in dataset.indexes:
            dataset.statistics(band, approx=False, clear_cache=True)
    aux = frame.with_name(f"{frame.name}.aux.xml")
    assert "STATISTICS_MEAN" in aux.read_text()


@pytest.mark.filterwarnings("ignore:statistics:rasterio.errors.RasterioDeprecationWarning")  # the other writes nothing
def test_a_frame_that_somebody_looked_at_is_computed_no_more(frame: Path) -> None:
    """Statistics in ``.aux.xml`` change no pixel and no place."""
    assert anew(frame.parent, lambda: look_at(frame)) == []


def test_a_mended_world_file_keeps_the_prediction(tmp_path: Path) -> None:
    """The polygons lie elsewhere; the pixels, and what the model said of them, are the same."""
    frame = written(tmp_path / "frames" / "a.jp2", placed=False)
    world = frame.with_suffix(".j2w")
    world.write_bytes(WORLD_FILE)
    mended = WORLD_FILE.replace(b"500000", b"500010")
    assert anew(frame.parent, lambda: world.write_bytes(mended)) == ["extract"]


def test_declared_nodata_keeps_the_prediction(frame: Path) -> None:
    """It changes which pixels count, so the valid mask and the polygons are made again; the model saw the same."""
    bands = b"".join(NODATA % band for band in (1, 2, 3))
    aux = frame.with_name(f"{frame.name}.aux.xml")
    assert anew(frame.parent, lambda: aux.write_bytes(b"<PAMDataset>%s</PAMDataset>" % bands)) == ["prepare", "extract"]


@pytest.fixture
def beside(s3_bucket: str, frame: Path) -> str:
    """A prefix in S3 with the frame, a world file and statistics."""
    storage.write_bytes(f"{s3_bucket}/town/a.jp2", frame.read_bytes())
    storage.write_bytes(f"{s3_bucket}/town/a.j2w", WORLD_FILE)
    storage.write_bytes(f"{s3_bucket}/town/a.jp2.aux.xml", b"<PAMDataset></PAMDataset>")
    return f"{s3_bucket}/town"


@pytest.fixture
def counted(s3_server: str, aws_settings: pytest.MonkeyPatch) -> Iterator[Front]:
    """The environment's S3, with every request counted. Ask for the bucket first."""
    with front(s3_server) as noted:
        aws_settings.setenv("AWS_ENDPOINT_URL", noted.url)
        yield noted


def test_preparing_downloads_the_frame_alone(beside: str, tmp_path: Path, counted: Front) -> None:
    """Nothing that decodes looks at sidecars: no request names one."""
    job = planned(beside, tmp_path / "work")
    counted.seen.clear()
    prepare(job)
    assert {target.rpartition("/")[2] for target in counted.targets} == {"a.jp2"}


def test_a_world_file_is_fetched_only_where_it_places_the_frame(beside: str, counted: Front) -> None:
    """A frame that says itself where it lies needs none."""
    assert grid_x(planned(beside).tile) == 500000
    assert not [target for target in counted.targets if target.endswith(".j2w")]


def test_a_world_file_places_a_frame_beside_statistics(s3_bucket: str, tmp_path: Path) -> None:
    """``.aux.xml`` without a place does not hide the world file, which is asked for then."""
    storage.write_bytes(f"{s3_bucket}/a.jp2", written(tmp_path / "bare" / "a.jp2", placed=False).read_bytes())
    storage.write_bytes(f"{s3_bucket}/a.j2w", WORLD_FILE)
    storage.write_bytes(f"{s3_bucket}/a.jp2.aux.xml", b"<PAMDataset></PAMDataset>")
    assert grid_x(planned(s3_bucket).tile) == 500000


def grid_x(tile: Tile) -> float:
    assert tile.grid is not None, tile.problem
    return tile.grid.transform[2]
