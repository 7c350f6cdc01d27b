"""What a SageMaker training job says of the model that it made: image, artifact, role and network, all in one place."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from botocore.exceptions import ClientError

from tasks.core.errors import EndpointRefused
from tasks.core.tiles import training_scale
from tasks.core.tiles.jobs import content_key
from tasks.services.endpoints.sagemaker.aws_errors import translated
from tasks.services.endpoints.teardown.sagemaker_resources import is_missing

COMPLETED = "Completed"
# The repository of the built-in algorithm in every region's registry:
# https://docs.aws.amazon.com/sagemaker/latest/dg-ecr-paths/sagemaker-algo-docker-registry-paths.html
ALGORITHM = "semantic-segmentation"


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A finished training job's model, and how it is to be hosted.

    Attributes:
        job: Name of the training job.
        arn: Of the training job.
        image: URI of the container image, for training and hosting alike.
        artifact: ``s3://`` URI of the model archive.
        role: ARN of the execution role.
        finished: When training ended, ISO 8601 in UTC; empty where AWS does not say.
        subnets: Of the job's VPC; empty where it has none.
        security_groups: In that VPC.
        network_isolation: Whether the container may not reach the network.
        kms_key: Of the training instances' volumes; empty where none was named.
        base_size: Hyperparameter that the images' scale in training went by, px.
    """

    job: str
    arn: str
    image: str
    artifact: str
    role: str
    finished: str
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    network_isolation: bool = False
    kms_key: str = ""
    base_size: int = training_scale.DEFAULT_PX

    @classmethod
    def of_job(cls, name: str, session: Any) -> Self:
        """Ask SageMaker for a training job.

        Args:
            name: Of the job.
            session: boto3's.

        Raises:
            EndpointRefused: There is no such job, it is not Completed, or not of the semantic segmentation algorithm.
            EndpointUnavailable: AWS does not answer.
        """
        from sagemaker.core.resources import TrainingJob  # noqa: PLC0415 - seconds, and only who deploys needs it

        with translated(f"training job {name!r}"):
            try:
                job = TrainingJob.get(training_job_name=name, session=session, region=session.region_name)
            except ClientError as error:
                if is_missing(error):
                    raise EndpointRefused(
                        f"there is no training job {name!r} in region {session.region_name}: correct `training_job`, "
                        "or set the account (AWS_PROFILE) and region that it is in"
                    ) from error
                raise
        _check(job, name)
        vpc = _given(job.vpc_config)
        return cls(
            job=name,
            arn=str(job.training_job_arn),
            image=str(job.algorithm_specification.training_image),
            artifact=str(job.model_artifacts.s3_model_artifacts),
            role=str(job.role_arn),
            finished=_in_utc(_given(job.training_end_time) or _given(job.last_modified_time)),
            subnets=tuple(map(str, vpc.subnets)) if vpc else (),
            security_groups=tuple(map(str, vpc.security_group_ids)) if vpc else (),
            network_isolation=bool(_given(job.enable_network_isolation)),
            kms_key=str(_given(_given(job.resource_config) and job.resource_config.volume_kms_key_id) or ""),
            base_size=training_scale.base_size(_given(job.hyper_parameters) or {}),
        )

    def identity(self) -> str:
        """Changes with whatever the model's answers depend on: part of the predictions' cache key."""
        return f"sagemaker-{content_key(self.arn, self.image, self.artifact, self.finished)}"


def _check(job: Any, name: str) -> None:
    status = _given(job.training_job_status)
    if status != COMPLETED:
        reason = f": {job.failure_reason}" if _given(job.failure_reason) else ""
        raise EndpointRefused(
            f"training job {name!r} is {status}{reason}. Only the model of a Completed job can be hosted"
        )
    image = str(_given(_given(job.algorithm_specification) and job.algorithm_specification.training_image) or "")
    if repository_of(image) != ALGORITHM:
        raise EndpointRefused(
            f"training job {name!r} is not of the semantic segmentation algorithm (its image: {image or 'not known'}). "
            "Give the job that trained the flood model"
        )


def repository_of(image: str) -> str:
    """The repository of an image URI: what is between registry and tag."""
    return image.partition("/")[2].partition("@")[0].partition(":")[0]


def _in_utc(moment: datetime | None) -> str:
    """Botocore gives times in the zone of the machine, which must not change what a model is called."""
    return "" if moment is None else moment.astimezone(UTC).isoformat()


def _given(value: Any) -> Any:
    """A member of an SDK resource; None where AWS left it out."""
    return None if type(value).__name__ == "Unassigned" else value
