"""Stage predict: the endpoint labels every pixel of a tile."""

from contextlib import closing
from dataclasses import dataclass
from typing import Any

from tasks.core.arrays import Float32Array, LabelArray
from tasks.core.chip_layout import Chip
from tasks.core.class_map import LABELS, MAPPED_LABELS
from tasks.core.errors import EndpointRefused, FinalError, WrongMask
from tasks.core.masks import png_masks
from tasks.core.masks.answers import decode_answer
from tasks.core.masks.chip_joining import join
from tasks.core.masks.labels import encode_mask
from tasks.core.models import water_index
from tasks.core.models.known_models import PNG_TYPE, RECORD_TYPE
from tasks.core.tiles.jobs import TileJob
from tasks.runtime.policies import tile_task
from tasks.runtime.reading_ahead import read_ahead
from tasks.runtime.timing import timed
from tasks.services.endpoints.contract import LOCAL, Deployment, EndpointService, EndpointSpec
from tasks.services.endpoints.endpoint_kinds import endpoint_service
from tasks.services.work_directory import tile_files
from tasks.services.work_directory.cached_files import keep

# Of a tile; more of them only help where an endpoint serves many and the dataset has few tiles.
CHIPS_AT_ONCE = 2


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
    ask = _Question(job, service, endpoint)
    with closing(read_ahead(ask.answer, tile_files.jpegs(job), CHIPS_AT_ONCE)) as answers:
        answer = join(job.layout, answers, job.tile.id)
    files = {job.labels_uri: encode_mask(answer.labels)}
    if answer.confidence is not None:
        files[job.confidence_uri] = png_masks.encode(answer.confidence)
    keep(job, "predict", files)


@dataclass(frozen=True, slots=True)
class _Question:
    """What the endpoint is asked of a tile's chips."""

    job: TileJob
    service: EndpointService
    endpoint: Deployment

    def answer(self, asked: tuple[Chip, bytes]) -> LabelArray | Float32Array:
        """To one chip, checked."""
        chip, jpeg = asked
        attributes = "" if self.job.nir is None else water_index.attributes(self.job.nir)
        accept = RECORD_TYPE if self.job.with_confidence else PNG_TYPE
        content = self.service.invoke(self.endpoint, jpeg, attributes, accept)
        try:
            return decode_answer(content, chip.columns.length, chip.rows.length, self.job.tile.id, self._class_map)
        except WrongMask as error:
            if "log_group" in self.endpoint.facts:
                raise type(error)(f"{error}. The endpoint's log is {self.endpoint.facts['log_group']}") from error
            raise

    @property
    def _class_map(self) -> tuple[int, ...]:
        """The label of each class that is answered: a server on this machine has the map, and answers labels."""
        if self.job.class_map is None:
            return LABELS
        return MAPPED_LABELS[: max(self.job.class_map) + 1] if self.endpoint.kind == LOCAL else self.job.class_map


def is_predicted(job: TileJob) -> bool:
    """Whether the work directory holds a usable label mask for this content, size and model."""
    try:
        tile_files.answer(job)
    except FinalError:
        return False
    return True
