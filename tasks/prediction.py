"""Stage predict: the endpoint labels every pixel of a tile."""

from typing import Any

from tasks.core.errors import EndpointRefused, FinalError, WrongMask
from tasks.core.masks import png_masks
from tasks.core.masks.answers import decode_answer
from tasks.core.masks.labels import encode_mask
from tasks.core.models import water_index
from tasks.core.models.known_models import PNG_TYPE, RECORD_TYPE
from tasks.core.tiles.jobs import TileJob
from tasks.runtime.policies import tile_task
from tasks.runtime.timing import timed
from tasks.services.endpoints.contract import Deployment, EndpointService, EndpointSpec
from tasks.services.endpoints.endpoint_kinds import endpoint_service
from tasks.services.work_directory import tile_files
from tasks.services.work_directory.cached_files import keep


@tile_task("predict", retries=3, cached_by="predict_key")
def predict_tile(job: TileJob, deployment: dict[str, Any] | None) -> dict[str, Any]:
    """Ask the endpoint for one tile's label mask, unless another tile of the same content has it by now."""
    with timed() as timing:
        if not is_predicted(job):
            if deployment is None:
                raise EndpointRefused(f"{job.tile.id} needs a prediction, but the run has no endpoint. Run again")
            endpoint = Deployment.from_dict(deployment)
            predict(job, endpoint_service(EndpointSpec(endpoint.kind)), endpoint)
    return {"seconds": timing.seconds}


def predict(job: TileJob, service: EndpointService, endpoint: Deployment) -> None:
    """Write the tile's label mask, and how sure it is: checked, and encoded anew, so that bytes go by values alone.

    Raises:
        WrongMaskFormat: The answer is no label mask, nor will others be.
        WrongMask: This answer is damaged.
        EndpointUnavailable: A retry may help.
        EndpointRefused: It will not.
        RecordMismatch: The JPEG is not the one that ``prepare`` wrote.
    """
    attributes = "" if job.nir is None else water_index.attributes(job.nir)
    accept = RECORD_TYPE if job.with_confidence else PNG_TYPE
    content = service.invoke(endpoint, tile_files.jpeg(job), attributes, accept)
    try:
        answer = decode_answer(content, job.resized.width_px, job.resized.height_px, job.tile.id)
    except WrongMask as error:
        if "log_group" in endpoint.facts:
            raise type(error)(f"{error}. The endpoint's log is {endpoint.facts['log_group']}") from error
        raise
    files = {job.labels_uri: encode_mask(answer.labels)}
    if answer.confidence is not None:
        files[job.confidence_uri] = png_masks.encode(answer.confidence)
    keep(job, "predict", files)


def is_predicted(job: TileJob) -> bool:
    """Whether the work directory holds a usable label mask for this content, size and model."""
    try:
        tile_files.answer(job)
    except FinalError:
        return False
    return True
