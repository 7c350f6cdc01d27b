"""Whether AWS would let a run have its endpoint: looked at beforehand, without creating or changing anything.

What cannot be found out, for a permission is missing or AWS does not answer, is unknown: it stands in nobody's way.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from tasks.core.errors import EndpointRefused, EndpointUnavailable, FloodExtentError
from tasks.core.redaction import redact
from tasks.core.tiles.plan import Finding, Verdict
from tasks.services.endpoints.contract import EndpointSpec
from tasks.services.endpoints.sagemaker import bounded_calls, endpoint_quotas
from tasks.services.endpoints.sagemaker.aws_errors import is_denied, translated
from tasks.services.endpoints.sagemaker.bounded_calls import CallLimits, Look
from tasks.services.endpoints.sagemaker.training_jobs import TrainedModel
from tasks.services.endpoints.teardown.sagemaker_resources import code_of, words_of
from tasks.services.endpoints.teardown.teardown import make_client

TRAINING_JOB, ARTIFACT, ROLE, QUOTA = "training job", "model artifact", "role", endpoint_quotas.QUOTA
NEEDS = {
    # Without the second, AWS says of a missing object that it is forbidden.
    ARTIFACT: "s3:GetObject, and s3:ListBucket",
    ROLE: "iam:GetRole",
    QUOTA: "servicequotas:ListServiceQuotas, servicequotas:ListAWSDefaultServiceQuotas, sagemaker:ListEndpoints, "
    "sagemaker:DescribeEndpoint, sagemaker:DescribeEndpointConfig",
}
# HEAD of an object has no body, so its errors carry the status instead of a code.
NOT_FOUND, FORBIDDEN = "404", "403"
NO_ROLE = "NoSuchEntity"
LIMITS = CallLimits()


@dataclass(frozen=True)
class Readiness:
    """Looks at what a run on SageMaker depends on.

    Attributes:
        spec: What the run would deploy.
        limits: Of time and attempts.
    """

    spec: EndpointSpec
    limits: CallLimits = LIMITS

    def find_model(self) -> tuple[TrainedModel | None, Finding]:
        """The training job's model, or why there is none."""
        found: list[TrainedModel] = []

        def look() -> Finding:
            try:
                with translated(f"training job {self.spec.training_job!r}"):
                    session = bounded_calls.session(self.limits.job_seconds)
                    found.append(TrainedModel.of_job(self.spec.training_job, session))
            except EndpointUnavailable as error:
                return Finding(TRAINING_JOB, Verdict.UNKNOWN, str(error))
            except EndpointRefused as error:
                return Finding(TRAINING_JOB, Verdict.PROBLEM, str(error))
            return Finding(TRAINING_JOB, Verdict.OK, f"{self.spec.training_job} is Completed")

        (finding,) = bounded_calls.within(self.limits.job_seconds, {TRAINING_JOB: look})
        return (found[0] if finding.verdict is Verdict.OK else None), finding

    def of_model(self, trained: TrainedModel) -> list[Finding]:
        """What hosting the model depends on: artifact, role and quota."""
        session = bounded_calls.session(self.limits.other_seconds)
        # Made here: boto3's clients may be used by several threads, but not made by them.
        services = ("s3", "iam", "service-quotas", "sagemaker")
        limits = self.limits.read_seconds, self.limits.attempts
        s3, iam, quotas, sagemaker = (make_client(session, one, *limits) for one in services)
        looks: dict[str, Look] = {
            ARTIFACT: lambda: _artifact(s3, trained.artifact),
            ROLE: lambda: _role(iam, trained.role),
            QUOTA: lambda: _quota(quotas, sagemaker, self.spec),
        }
        bounded = {name: partial(_unless_denied, name, look) for name, look in looks.items()}
        return bounded_calls.within(self.limits.other_seconds, bounded)


def _artifact(s3: Any, uri: str) -> Finding:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if code_of(error) != NOT_FOUND:
            raise
        message = f"{uri} does not exist: no endpoint would come up. Restore it, or train again"
        return Finding(ARTIFACT, Verdict.PROBLEM, message)
    return Finding(ARTIFACT, Verdict.OK, f"{uri} exists")


def _role(iam: Any, arn: str) -> Finding:
    try:
        iam.get_role(RoleName=arn.rpartition("/")[2])
    except ClientError as error:
        if code_of(error) != NO_ROLE:
            raise
        message = f"{arn} does not exist. Restore it, or train again under another role"
        return Finding(ROLE, Verdict.PROBLEM, message)
    return Finding(ROLE, Verdict.OK, f"{arn} exists")


def _quota(quotas: Any, sagemaker: Any, spec: EndpointSpec) -> Finding:
    values = endpoint_quotas.quotas_of(quotas, spec.instance_types)
    used = endpoint_quotas.instances_in_use(sagemaker)
    return endpoint_quotas.quota_finding(spec.instance_types, spec.instance_count, values, used)


def _unless_denied(name: str, look: Look) -> Finding:
    """What was found; what AWS does not tell is unknown, and stands in nobody's way."""
    try:
        with translated(name):
            return look()
    except FloodExtentError as error:
        cause = error.__cause__
        if isinstance(cause, ClientError) and (is_denied(cause) or code_of(cause) == FORBIDDEN):
            message = f"AWS denies the look. It takes the permission {NEEDS[name]} ({words_of(cause)})"
            return Finding(name, Verdict.UNKNOWN, str(redact(message)))
        return Finding(name, Verdict.UNKNOWN, str(error).removeprefix(f"{name}: "))
    except ValueError as error:
        return Finding(name, Verdict.UNKNOWN, f"AWS's answer cannot be understood: {redact(str(error))}")
