"""Whether AWS would let a run have its endpoint: looked at beforehand, without creating or changing anything.

What cannot be found out, for a permission is missing or AWS does not answer, is unknown: it stands in nobody's way.
A person waits, so several things are looked at at once, each in bounded time.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import partial
from threading import Thread
from typing import Any

from botocore.exceptions import ClientError

from tasks.core.errors import EndpointRefused, EndpointUnavailable, FloodExtentError
from tasks.core.redaction import redact
from tasks.core.tiles.plan import Finding, Verdict
from tasks.services.endpoints.contract import EndpointSpec
from tasks.services.endpoints.sagemaker import aws_sessions, endpoint_quotas
from tasks.services.endpoints.sagemaker.aws_errors import is_denied, translated
from tasks.services.endpoints.sagemaker.training_jobs import TrainedModel
from tasks.services.endpoints.teardown.sagemaker_resources import code_of, text_of
from tasks.services.endpoints.teardown.teardown import READ_SECONDS, make_client

TRAINING_JOB, ARTIFACT, ROLE, QUOTA = "training job", "model artifact", "role", endpoint_quotas.QUOTA
NEEDS = {
    # Without the second, AWS says of a missing object that it is forbidden.
    ARTIFACT: "s3:GetObject, and s3:ListBucket",
    ROLE: "iam:GetRole",
    QUOTA: "servicequotas:ListServiceQuotas, servicequotas:ListAWSDefaultServiceQuotas, sagemaker:ListEndpoints, "
    "sagemaker:DescribeEndpoint, sagemaker:DescribeEndpointConfig (for `endpoint` batch: sagemaker:ListTransformJobs, "
    "sagemaker:DescribeTransformJob)",
}
# HEAD of an object has no body, so its errors carry the status instead of a code.
NOT_FOUND, FORBIDDEN = "404", "403"
NO_ROLE = "NoSuchEntity"
REMEDIES = {
    ARTIFACT: "does not exist: no endpoint would come up. Restore it, or train again",
    ROLE: "does not exist. Restore it, or train again under another role",
}
LATE = "AWS has not answered within {:g} s"

Look = Callable[[], Finding]


@dataclass(frozen=True, slots=True)
class CallLimits:
    """How long a look at AWS may take.

    Attributes:
        job_seconds: For the training job, which everything else depends on; importing the SDK is part of it.
        other_seconds: For all else, at once; an account has some two thousand quotas for SageMaker to page through.
        read_seconds: For one answer.
        attempts: Of one request.
    """

    job_seconds: float = 30.0
    other_seconds: float = 40.0
    read_seconds: float = READ_SECONDS
    attempts: int = 2


@dataclass(frozen=True)
class Readiness:
    """Looks at what a run on SageMaker depends on.

    Attributes:
        spec: What the run would deploy.
        limits: Of time and attempts.
    """

    spec: EndpointSpec
    limits: CallLimits = CallLimits()

    def find_model(self) -> tuple[TrainedModel | None, Finding]:
        """The training job's model, or why there is none."""
        found: list[TrainedModel] = []

        def look() -> Finding:
            try:
                with translated(f"training job {self.spec.training_job!r}"):
                    session = _session(self.limits.job_seconds)
                    found.append(TrainedModel.of_job(self.spec.training_job, session))
            except EndpointUnavailable as error:
                return Finding(TRAINING_JOB, Verdict.UNKNOWN, str(error))
            except EndpointRefused as error:
                return Finding(TRAINING_JOB, Verdict.PROBLEM, str(error))
            return Finding(TRAINING_JOB, Verdict.OK, f"{self.spec.training_job} is Completed")

        (finding,) = within(self.limits.job_seconds, {TRAINING_JOB: look})
        return (found[0] if finding.verdict is Verdict.OK else None), finding

    def of_model(self, trained: TrainedModel, *, would_wait: bool = False) -> list[Finding]:
        """What hosting the model depends on: artifact, role and quota.

        Args:
            trained: The model.
            would_wait: Whether the run would wait until endpoints of other runs are gone.
        """
        session = _session(self.limits.other_seconds)
        # Made here: boto3's clients may be used by several threads, but not made by them.
        services = ("s3", "iam", "service-quotas", "sagemaker")
        limits = self.limits.read_seconds, self.limits.attempts
        s3, iam, quotas, sagemaker = (make_client(session, one, *limits) for one in services)
        bucket, _, key = trained.artifact.removeprefix("s3://").partition("/")
        artifact, role = (ARTIFACT, trained.artifact, NOT_FOUND), (ROLE, trained.role, NO_ROLE)
        looks: dict[str, Look] = {
            ARTIFACT: lambda: _existing(*artifact, lambda: s3.head_object(Bucket=bucket, Key=key)),
            ROLE: lambda: _existing(*role, lambda: iam.get_role(RoleName=trained.role.rpartition("/")[2])),
            QUOTA: lambda: _quota(quotas, sagemaker, self.spec, would_wait),
        }
        bounded = {name: partial(_unless_denied, name, look) for name, look in looks.items()}
        return within(self.limits.other_seconds, bounded)


def _session(seconds: float) -> Any:
    """boto3's session, which begins no request, and no further attempt of one, after some seconds.

    Raises:
        EndpointRefused: No region is set.
    """
    deadline = time.monotonic() + seconds

    def go_on() -> None:
        if time.monotonic() > deadline:
            raise EndpointUnavailable(LATE.format(seconds))

    return aws_sessions.session(go_on)


def within(seconds: float, looks: Mapping[str, Look]) -> list[Finding]:
    """The findings of all looks, at once; what takes longer is unknown, and left to itself.

    Args:
        seconds: For all of them.
        looks: By name of what is looked at.
    """
    futures: dict[str, Future[Finding]] = {name: Future() for name in looks}

    def do(name: str) -> None:
        try:
            futures[name].set_result(looks[name]())
        except BaseException as error:  # noqa: BLE001 - raised below, where somebody reads it
            futures[name].set_exception(error)

    for name in looks:  # no pool: the end of the process would wait for its threads
        Thread(target=do, args=(name,), name=f"look-at-{name}", daemon=True).start()
    answered, _ = wait(futures.values(), seconds)
    late = LATE.format(seconds)
    return [
        future.result() if future in answered else Finding(name, Verdict.UNKNOWN, late)
        for name, future in futures.items()
    ]


def _existing(name: str, what: str, missing: str, ask: Callable[[], object]) -> Finding:
    """Whether something exists, of which AWS says otherwise by a code of its own."""
    try:
        ask()
    except ClientError as error:
        if code_of(error) != missing:
            raise
        return Finding(name, Verdict.PROBLEM, f"{what} {REMEDIES[name]}")
    return Finding(name, Verdict.OK, f"{what} exists")


def _quota(quotas: Any, sagemaker: Any, spec: EndpointSpec, would_wait: bool) -> Finding:
    use = endpoint_quotas.TRANSFORMS if spec.is_batch else endpoint_quotas.ENDPOINTS
    values = endpoint_quotas.quotas_of(quotas, spec.instance_types, use)
    if spec.is_batch:
        used, later = endpoint_quotas.instances_transforming(sagemaker), Counter[str]()
    else:
        used, of_runs = endpoint_quotas.instances_in_use(sagemaker)
        later = of_runs if would_wait else Counter[str]()
    return endpoint_quotas.quota_finding(spec.instance_types, spec.most_instances, values, used, later, use)


def _unless_denied(name: str, look: Look) -> Finding:
    """What was found; what AWS does not tell is unknown, and stands in nobody's way."""
    try:
        with translated(name):
            return look()
    except FloodExtentError as error:
        cause = error.__cause__
        if isinstance(cause, ClientError) and (is_denied(cause) or code_of(cause) == FORBIDDEN):
            message = f"AWS denies the look. It takes the permission {NEEDS[name]} ({text_of(cause)})"
            return Finding(name, Verdict.UNKNOWN, str(redact(message)))
        return Finding(name, Verdict.UNKNOWN, str(error).removeprefix(f"{name}: "))
    except ValueError as error:
        return Finding(name, Verdict.UNKNOWN, f"AWS's answer cannot be understood: {redact(str(error))}")
