"""Stage prepare: the JPEG2000 frame becomes a small JPEG, a valid mask and a preview."""

from typing import Any

from prefect.logging import get_run_logger

from tasks.core.imagery.preparation import PreparedImage
from tasks.core.masks.valid_mask_png import encode_valid
from tasks.core.models import water_index
from tasks.core.tiles.jobs import TileJob
from tasks.core.tiles.stage_records import FileHash
from tasks.runtime.policies import tile_task
from tasks.runtime.timing import timed
from tasks.services.frames.decoder_process import Decode, decode
from tasks.services.frames.decoding import InChild, decoder_of
from tasks.services.frames.frame_files import requested
from tasks.services.work_directory.cached_files import keep


@tile_task("prepare", retries=3, cached_by="prepare_key", hands_on="preview_uri")
def prepare_tile(job: TileJob, decode_in_child: InChild = "auto") -> dict[str, Any]:
    """Fetch, judge, decode and resize one tile; what is kept lies at the job's URIs."""
    with timed() as timing:
        prepared = prepare(job, decoder_of(job.tile.uri, decode_in_child))
    for warning in prepared.warnings:
        get_run_logger().warning(warning)
    return {
        "seconds": timing.seconds,
        "warnings": list(prepared.warnings),
        "file": FileHash.of(prepared.preview),
    }


def prepare(job: TileJob, decode: Decode = decode) -> PreparedImage:
    """Write the tile's JPEG, valid mask and preview, and what it adds to the dataset's calibration.

    Args:
        job: What to do.
        decode: Decodes in this process, or elsewhere.

    Raises:
        UnreadableImage: What the header probe found wrong, or the decoder.
        ChangedSinceListed: The frame is not the one that was listed; nothing is written then.
        StorageUnavailable: A retry may help.
    """
    with requested(job) as request:
        prepared = decode(request)
    valid = encode_valid(prepared.valid)
    files = {job.jpegs_uri: prepared.jpegs, job.preview_uri: prepared.preview, job.valid_uri: valid}
    keep(job, "prepare", files, prepared.warnings, water_index.histogram_of_chips(prepared.sent(), prepared.valid))
    return prepared
