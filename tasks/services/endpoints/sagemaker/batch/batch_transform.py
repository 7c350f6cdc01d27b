"""All of a run's predictions by one SageMaker batch transform job, which ends by itself.

Named, tagged, leased and deleted as an endpoint of a run is (``sagemaker_endpoint``): a job in its place, and the
model. AWS keeps the record of a job for good, so that its name is taken: each attempt of a run gets the next one.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tasks.core.errors import EndpointRefused
from tasks.core.models.known_models import PNG_TYPE
from tasks.core.tiles.jobs import TileJob
from tasks.services import storage
from tasks.services.endpoints.contract import BATCH, Deployment, Report
from tasks.services.endpoints.sagemaker.batch import batch_files
from tasks.services.endpoints.sagemaker.batch.batch_files import BatchFolder, check_work_directory
from tasks.services.endpoints.sagemaker.batch.transform_job import (
    SECONDS_A_MINUTE,
    TransformWaiting,
    Wanted,
    billed_minutes,
    failure_of,
    log_group,
)
from tasks.services.endpoints.sagemaker.hosting import Host
from tasks.services.endpoints.sagemaker.lease_probe import LeaseProbe
from tasks.services.endpoints.sagemaker.sagemaker_endpoint import SageMakerEndpoint
from tasks.services.endpoints.sagemaker.training_jobs import TrainedModel
from tasks.services.endpoints.teardown.sagemaker_resources import BATCH_KINDS, Kind, resource_name, run_of
from tasks.services.storage.s3_client import KMS_KEY


@dataclass(frozen=True)
class BatchTransform(SageMakerEndpoint):
    """Transform jobs of one training job's model."""

    kinds: ClassVar[tuple[Kind, ...]] = BATCH_KINDS

    def provide(self, name: str, jobs: Sequence[TileJob], report: Report) -> int:
        """Put a manifest of the tiles' JPEGs beside them; chips are taken out of their archives.

        Raises:
            UnusableArgument: The work directory is not in S3.
            EndpointRefused: There is nothing to be answered.
        """
        count = len(self._folder(name).provide(jobs).files)
        if not count:
            raise EndpointRefused("no tile has an image for a transform job to answer: what is wrong stands with each")
        report(f"{count:,} images are there for a transform job")
        return count

    def deploy(self, name: str, report: Report) -> Deployment:
        """Run the job on what was provided, and wait until it has ended, on the first instance type that AWS has.

        Whether it succeeds or not, ``delete`` must follow.

        Raises:
            EndpointRefused: AWS refuses for good, the job failed on every image or was stopped, nothing was provided,
                or the run is being torn down.
            EndpointUnavailable: AWS has none of the instance types, or does not answer.
        """
        self._folder(name).inputs()
        return super().deploy(name, report)

    def invoke(self, deployment: Deployment, jpeg: bytes, attributes: str = "", accept: str = PNG_TYPE) -> bytes:
        """The job's answer to an image that it was given. Safe to call from several threads.

        Raises:
            EndpointRefused: It has none; AWS's reason follows.
            StorageUnavailable: S3 cannot just now.
        """
        if attributes:
            raise EndpointRefused(
                f"transform job {deployment.name}: a job sends the images and nothing beside them, so the model cannot "
                "be told a threshold. Leave out `calibration`, or take `endpoint` sagemaker"
            )
        return batch_files.answer(deployment.url, jpeg, accept)

    def clear(self, name: str) -> int:
        """Remove what lies in the work directory for the run's jobs, answers too; how many objects there were."""
        return self._folder(name).clear()

    def _folder(self, name: str) -> BatchFolder:
        """Of all attempts of the run that ``name`` belongs to."""
        check_work_directory(self.spec.work_directory)
        run = run_of(name)
        return BatchFolder(storage.resolve(self.spec.work_directory), name if run is None else resource_name(run, 1))

    def _host(self, host: Host, probe: LeaseProbe, name: str, trained: TrainedModel, instance_type: str) -> Deployment:
        folder = self._folder(name)
        inputs, log = folder.inputs(), f"Its log is {log_group(name)}"
        output_uri = folder.output_uri(name)
        wanted = Wanted(folder.manifest_uri, output_uri, inputs.largest_bytes, os.environ.get(KMS_KEY, ""))
        request = wanted.request(self.spec, instance_type)
        host.report(f"creating transform job {name} on {self.spec.instance_count} x {instance_type}")
        self._create_model(host, probe, name, trained)
        host.create_transform_job(name, trained, request)
        described = TransformWaiting(host, name, self.spec.max_minutes * SECONDS_A_MINUTE).until_ended()
        answers = folder.collect(name, inputs, self.spec.accept, failure_of(described), log)
        if not answers.files:
            reason = answers.reason or "AWS says that it is Completed, and it has written no answer"
            raise EndpointRefused(f"transform job {name} has answered no image: {reason}. {log}")
        host.report(f"transform job {name} has ended: {len(answers.files):,} of {len(inputs.files):,} images answered")
        facts = {**self._facts(trained, instance_type), "log_group": log_group(name)}
        facts |= {"images": len(inputs.files), "images_answered": len(answers.files)}
        facts |= {"minutes_billed": round(billed_minutes(described), 2)}
        return Deployment(BATCH, name, url=folder.answers_uri(name), facts=facts)
