"""One transform job: what is asked of AWS, and the wait for its end.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTransformJob.html
"""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tasks.core.errors import EndpointRefused, EndpointUnavailable
from tasks.core.models.known_models import JPEG_TYPE
from tasks.services.endpoints.contract import EndpointSpec
from tasks.services.endpoints.sagemaker.aws_errors import NoCapacity, is_capacity, translated
from tasks.services.endpoints.sagemaker.hosting import ABSENT_SECONDS, SAY_EVERY, Host, next_pause
from tasks.services.endpoints.teardown.sagemaker_resources import ENDED, STOPPING, TRANSFORM

MEGABYTE = 1_000_000
# Of one image; and of all that an instance is sent at once.
MAX_PAYLOAD_MB = 100
# AWS's own defaults, written down: an image that fails so often fails the job.
ANSWER_SECONDS, RETRIES = 600, 3
SECONDS_A_MINUTE = 60
STOPPED, FAILED = "Stopped", "Failed"


def log_group(name: str) -> str:
    """Where the job's containers log in CloudWatch."""
    return f"CloudWatch log group /aws/sagemaker/TransformJobs, streams {name}/…"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a transform job is to answer.

    Attributes:
        manifest_uri: Of its images.
        output_uri: Where it is to write.
        largest_bytes: Of one image.
        kms_key: That S3 is to encrypt the answers with; empty for the bucket's own.
    """

    manifest_uri: str
    output_uri: str
    largest_bytes: int
    kms_key: str = ""

    def request(self, spec: EndpointSpec, instance_type: str) -> dict[str, Any]:
        """Members of CreateTransformJob, besides name, model and tags.

        Raises:
            EndpointRefused: An image is larger than SageMaker takes.
        """
        payload_mb = max(1, math.ceil(self.largest_bytes / MEGABYTE))
        if payload_mb > MAX_PAYLOAD_MB:
            raise EndpointRefused(
                f"an image of {self.largest_bytes:,} bytes is larger than the {MAX_PAYLOAD_MB} MB that a transform job "
                "takes: choose a smaller width"
            )
        source = {"S3DataType": "ManifestFile", "S3Uri": self.manifest_uri}
        encrypted = {"KmsKeyId": self.kms_key} if self.kms_key else {}
        return {
            "TransformInput": {
                "DataSource": {"S3DataSource": source},
                "ContentType": JPEG_TYPE,
                "SplitType": "None",
                "CompressionType": "None",
            },
            "TransformOutput": {"S3OutputPath": self.output_uri, "Accept": spec.accept, **encrypted},
            "TransformResources": {"InstanceType": instance_type, "InstanceCount": spec.instance_count},
            "BatchStrategy": "SingleRecord",
            "MaxPayloadInMB": payload_mb,
            "MaxConcurrentTransforms": max(1, min(spec.requests_per_instance, MAX_PAYLOAD_MB // payload_mb)),
            "ModelClientConfig": {
                "InvocationsTimeoutInSeconds": ANSWER_SECONDS,
                "InvocationsMaxRetries": RETRIES,
            },
        }


@dataclass
class TransformWaiting:
    """The wait for one job's end, bounded, with a word now and then.

    Attributes:
        host: Whose client asks, and which knows whether the run is being torn down.
        name: Of the job.
        seconds: After which it is given up.
        seen: When AWS showed it last, in seconds of this wait.
    """

    host: Host
    name: str
    seconds: float
    seen: float = 0.0

    def until_ended(self) -> Mapping[str, Any]:
        """AWS's description of the job when it has ended: Completed, or Failed on some of its images at least.

        Raises:
            NoCapacity: It failed because AWS is short of this instance type.
            EndpointRefused: Somebody stopped it, it took too long, or the run is being torn down.
        """
        start = reported = time.monotonic()
        while True:
            self.host.go_on()
            waited = time.monotonic() - start
            described = self._look(waited)
            if described is not None and described["TransformJobStatus"] in ENDED:
                return self._judged(described)
            if waited > self.seconds:
                raise EndpointRefused(
                    f"transform job {self.name} has not ended after {waited / SECONDS_A_MINUTE:.1f} minutes, as "
                    "`max_endpoint_minutes` allows: it is stopped. Raise it or `instance_count`, or split the dataset"
                )
            if time.monotonic() - reported > SAY_EVERY:
                reported = time.monotonic()
                self.host.report(f"transform job {self.name}: {waited / SECONDS_A_MINUTE:.1f} minutes so far")
            self.host.pause(next_pause(waited))

    def _look(self, waited: float) -> Mapping[str, Any] | None:
        try:
            with translated(f"transform job {self.name}"):
                described = TRANSFORM.described(self.host.client, self.name)
        except EndpointUnavailable as error:  # the job goes on
            self.host.report(f"{error}; still waiting")
            return None
        if described is not None:
            self.seen = waited
        elif waited - self.seen > ABSENT_SECONDS:
            raise EndpointRefused(f"AWS does not know transform job {self.name} any more. Run again")
        return described

    def _judged(self, described: Mapping[str, Any]) -> Mapping[str, Any]:
        status, reason = described["TransformJobStatus"], failure_of(described)
        if status in (STOPPED, STOPPING):
            raise EndpointRefused(
                f"transform job {self.name} was stopped: by hand, past `max_endpoint_minutes`, or by the sweep because "
                "its lease was not renewed. AWS keeps no answers of it. Run again"
            )
        if status == FAILED and is_capacity(reason):
            raise NoCapacity(f"transform job {self.name} failed: {reason}")
        return described


def failure_of(described: Mapping[str, Any]) -> str:
    """Why a job failed, in AWS's words; empty where it did not."""
    if described["TransformJobStatus"] != FAILED:
        return ""
    return str(described.get("FailureReason") or "AWS gives no reason")


def billed_minutes(described: Mapping[str, Any]) -> float:
    """Minutes that AWS bills for each instance: from the job's start on them to its end; 0 where it never started."""
    start, end = described.get("TransformStartTime"), described.get("TransformEndTime")
    if not isinstance(start, datetime) or not isinstance(end, datetime):
        return 0.0
    return (end - start).total_seconds() / SECONDS_A_MINUTE
