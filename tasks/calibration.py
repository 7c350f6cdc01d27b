"""Stage calibrate: the threshold that the model is told, found once for the dataset."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tasks.core.arrays import IntArray
from tasks.core.errors import FloodExtentError
from tasks.core.models import nir_threshold
from tasks.core.models.nir_threshold import Threshold
from tasks.core.tiles.jobs import TileJob
from tasks.runtime.policies import run_task
from tasks.services.work_directory import tile_files

READS_AT_ONCE = 16


@run_task(name="calibrate")
def calibrate_tiles(jobs: Sequence[TileJob]) -> tuple[Threshold, ...]:
    """Pool the histograms of the prepared tiles: one threshold, or one for each group of another radiometry."""
    return nir_threshold.calibrate(histograms_of(jobs))


def histograms_of(jobs: Sequence[TileJob]) -> dict[str, IntArray]:
    """What each tile adds to the calibration, by its id; without those whose record is not there or cannot be read."""
    with ThreadPoolExecutor(READS_AT_ONCE) as pool:
        found = pool.map(_histogram, jobs)
    return {job.tile.id: histogram for job, histogram in zip(jobs, found, strict=True) if histogram is not None}


def _histogram(job: TileJob) -> IntArray | None:
    try:
        return tile_files.histogram(job)
    except FloodExtentError:
        return None
