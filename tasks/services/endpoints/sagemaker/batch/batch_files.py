"""What a transform job reads and writes below the work directory.

A tile's JPEG is not copied: a manifest names it where ``prepare`` put it. Only chips are, which lie in one archive a
tile, and which SageMaker could not take apart: ``SplitType`` knows no ZIP. An answer is named after its input, with
``.out`` behind it (``S3OutputPath``; in which folder below that depends on the input's own, so the name alone counts):
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_TransformOutput.html. Two small indexes say which input an
image is, by SHA-256, and where its answer lies.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

from tasks.core.errors import EndpointRefused, ObjectMissing, RecordMismatch, UnusableArgument
from tasks.core.record import Record
from tasks.core.tiles.jobs import TileJob
from tasks.core.tiles.stage_records import FileHash
from tasks.services import storage
from tasks.services.work_directory import tile_files
from tasks.services.work_directory.cached_files import record_of

AT_ONCE = 16
SUFFIX = ".out"
NOT_S3 = (
    "`endpoint` batch needs `work_directory` on s3://, not {!r}: SageMaker reads the images there and writes its "
    "answers beside them"
)


def check_work_directory(work_directory: str) -> None:
    """Refuse a work directory that a transform job cannot read.

    Raises:
        UnusableArgument: It is not in S3.
    """
    if not storage.is_s3(work_directory):
        raise UnusableArgument(NOT_S3.format(work_directory))


@dataclass(frozen=True, slots=True)
class BatchInputs(Record):
    """Which images a job is given.

    Attributes:
        largest_bytes: Of one image.
        files: Paths below the work directory, by the SHA-256 of the content.
    """

    largest_bytes: int
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class BatchAnswers(Record):
    """What a job has answered.

    Attributes:
        job: Its name.
        accept: Media type that was asked for.
        reason: Why answers are missing, in AWS's words; empty where none should be.
        log: Where the job's containers log.
        files: Paths below the batch's folder, by the SHA-256 of the image.
    """

    job: str
    accept: str
    reason: str
    log: str
    files: Mapping[str, str]


@dataclass(frozen=True)
class BatchFolder:
    """The files of one run's batch.

    Attributes:
        work_directory: ``s3://`` prefix, without a slash at the end.
        name: Of the run's first attempt.
    """

    work_directory: str
    name: str

    @property
    def uri(self) -> str:
        """Where they lie."""
        return f"{self.work_directory}/batch/{self.name}"

    @property
    def manifest_uri(self) -> str:
        """What SageMaker is told: a prefix, and the path of each image below it."""
        return f"{self.uri}/manifest.json"

    def output_uri(self, job: str) -> str:
        """Where a job writes: each attempt of a run apart."""
        return f"{self.uri}/out/{job}"

    def answers_uri(self, job: str) -> str:
        """The index of what a job has answered."""
        return f"{self.uri}/answers/{job}.json"

    def provide(self, jobs: Sequence[TileJob]) -> BatchInputs:
        """Write chips, index and manifest; what a tile lacks is left to its own stages to say.

        Args:
            jobs: Prepared tiles, whose work directory is this one.
        """
        usable = {job.jpegs_uri: job for job in jobs if job.tile.problem is None and job.grid is not None}
        there = storage.present(usable)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = list(pool.map(self._images_of, (job for uri, job in usable.items() if uri in there)))
        files = {image.sha256: path for images in found for image, path in images.items()}
        sizes = [image.size_bytes for images in found for image in images]
        inputs = BatchInputs(max(sizes, default=0), files)
        _write(f"{self.uri}/inputs.json", inputs.to_dict())
        _write(self.manifest_uri, [{"prefix": f"{self.work_directory}/"}, *sorted(files.values())])
        return inputs

    def _images_of(self, job: TileJob) -> dict[FileHash, str]:
        """The images of a tile by content, each with its path below the work directory."""
        try:
            if len(job.layout) == 1:
                recorded = record_of(job, "prepare").files[storage.name(job.jpegs_uri)]
                return {recorded: self._path(job.jpegs_uri)}
            return dict(map(self._kept, (jpeg for _, jpeg in tile_files.jpegs(job))))
        except (ObjectMissing, RecordMismatch, KeyError):
            return {}

    def _kept(self, jpeg: bytes) -> tuple[FileHash, str]:
        image = FileHash.of(jpeg)
        uri = f"{self.uri}/in/{image.sha256}.jpg"
        storage.write_bytes(uri, jpeg)
        return image, self._path(uri)

    def _path(self, uri: str) -> str:
        return uri.removeprefix(f"{self.work_directory}/")

    def inputs(self) -> BatchInputs:
        """What ``provide`` wrote.

        Raises:
            EndpointRefused: Nothing, or there is no image in it.
        """
        try:
            inputs = BatchInputs.from_dict(json.loads(storage.read_bytes(f"{self.uri}/inputs.json")))
        except (ObjectMissing, ValueError) as error:
            raise EndpointRefused(
                f"{self.uri}: there is no list of images for the transform job ({error}). Run again"
            ) from error
        if not inputs.files:
            raise EndpointRefused(f"{self.uri}: there is no image for a transform job to answer")
        return inputs

    def collect(self, job: str, inputs: BatchInputs, accept: str, reason: str, log: str) -> BatchAnswers:
        """Find a job's answers, and write their index."""
        outputs = {storage.name(uri): uri for uri in _uris(self.output_uri(job))}
        named = {image: f"{path.rpartition('/')[2]}{SUFFIX}" for image, path in inputs.files.items()}
        found = {image: outputs[name].removeprefix(f"{self.uri}/") for image, name in named.items() if name in outputs}
        answers = BatchAnswers(job, accept, reason, log, found)
        _write(self.answers_uri(job), answers.to_dict())
        return answers

    def clear(self) -> int:
        """Remove all of it; how many objects there were."""
        return storage.delete_all(_uris(self.uri))


def _uris(folder: str) -> Iterator[str]:
    return (info.uri for info in storage.walk(folder))


def _write(uri: str, values: object) -> None:
    storage.write_bytes(uri, json.dumps(values).encode())


def answer(answers_uri: str, jpeg: bytes, accept: str) -> bytes:
    """A job's answer to an image, unchecked.

    Args:
        answers_uri: ``BatchFolder.answers_uri``.
        jpeg: The image.
        accept: Media type that is wanted.

    Raises:
        EndpointRefused: There is none, and AWS's reason follows; or answers were asked for in another form.
        StorageUnavailable: S3 cannot just now.
    """
    try:
        answers = _answers(os.getpid(), answers_uri)
        if accept != answers.accept:
            raise EndpointRefused(
                f"transform job {answers.job} was asked for {answers.accept}, not {accept}: a job has one form of "
                "answer for all images"
            )
        path = answers.files.get(FileHash.of(jpeg).sha256)
        if path is None:
            reason = answers.reason or "it was not among its inputs"
            raise EndpointRefused(f"transform job {answers.job} has no answer to this image: {reason}. {answers.log}")
        return storage.read_bytes(f"{answers_uri.rpartition('/answers/')[0]}/{path}")
    except (ObjectMissing, ValueError) as error:
        raise EndpointRefused(f"{answers_uri}: the transform job's answers are gone ({error}). Run again") from error


@lru_cache(maxsize=4)
def _answers(_process: int, uri: str) -> BatchAnswers:
    """Read once a process: of 100,000 tiles it has 20 MB, and takes 33 MB of memory."""
    return BatchAnswers.from_dict(json.loads(storage.read_bytes(uri)))
