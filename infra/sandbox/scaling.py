"""Application Auto Scaling of SageMaker endpoints, as AWS documents it: targets, target-tracking policies, scaling out.

https://docs.aws.amazon.com/autoscaling/application/APIReference/ and
https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling.html. Moto keeps targets too, but neither their
tags nor SageMaker's side of them. An alarm takes three periods of load above the target in a row; the endpoint is then
Updating until its new instances answer, and serves on meanwhile. It is never scaled in.
"""

import math
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from werkzeug.wrappers import Response

from infra.sandbox.sagemaker.lifecycle import Status
from infra.sandbox.sagemaker.sandbox_resources import ENDPOINT, Estate
from infra.sandbox.wire import ACCOUNT, RUNTIME, SAGEMAKER, SCALING, Call, Handler, Refused, refusal, success
from tasks.services.endpoints.teardown.scalable_targets import DIMENSION, NAMESPACE, NOT_FOUND, RESOURCE

# Of one minute each, of load above the target.
ALARM_PERIODS = 3
SECONDS_A_MINUTE = 60
MAX_RESULTS = 50
METRIC = "SageMakerVariantInvocationsPerInstance"


@dataclass
class Target:
    """A scalable target.

    Attributes:
        region: Where it is.
        endpoint: Name of its endpoint.
        resource: ``endpoint/NAME/variant/VARIANT``.
        least: Instances, at least.
        most: Instances, at most.
        tags: Of it.
        policies: Target values by name of the policy.
        arn: AWS's name for it.
        made: When it was registered.
        counts: Invocations by metric period, those of late.
    """

    region: str
    endpoint: str
    resource: str
    least: int
    most: int
    tags: dict[str, str]
    policies: dict[str, float] = field(default_factory=dict)
    arn: str = ""
    made: datetime = field(default_factory=lambda: datetime.now(UTC))
    counts: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        unique = uuid.uuid4().hex
        self.arn = f"arn:aws:application-autoscaling:{self.region}:{ACCOUNT}:scalable-target/{unique}"

    def wanted(self, period: int, instances: int, a_minute: float) -> int:
        """Instances that its policies ask for at the beginning of a period; ``a_minute`` is periods a minute."""
        before = [self.counts[number] for number in range(period - ALARM_PERIODS, period)]
        loads = [count * a_minute / instances for count in before]
        over = [value for value in self.policies.values() if min(loads) > value]
        return min(self.most, max([instances, *(math.ceil(instances * loads[-1] / value) for value in over)]))


class Scaling:
    """The layer that answers for Application Auto Scaling, and scales endpoints by what they are asked."""

    def __init__(self, inner: Handler, estate: Estate) -> None:
        self._inner, self._estate = inner, estate
        self._targets: dict[tuple[str, str], Target] = {}
        self._own: Mapping[str, Callable[[Call], Response]] = {
            "RegisterScalableTarget": self._register,
            "DeregisterScalableTarget": self._deregister,
            "DescribeScalableTargets": self._describe,
            "PutScalingPolicy": self._put_policy,
            "DescribeScalingPolicies": self._policies,
            "ListTagsForResource": self._tags,
        }

    def __call__(self, call: Call) -> Response:
        """Answer a call to it; others pass, and invocations are counted."""
        if call.service == SCALING:
            with self._estate.lock:
                try:
                    return self._own[call.operation](call)
                except KeyError:
                    return refusal(call, Refused(f"the sandbox does not know {call.operation}"))
                except Refused as refused:
                    return refusal(call, refused)
        if call.service == SAGEMAKER and call.operation == "DeleteEndpoint":
            return self._delete_endpoint(call)
        answer = self._inner(call)
        if call.service == RUNTIME and answer.status_code == 200:  # noqa: PLR2004 - HTTP's own
            self._invoked(call)
        return answer

    def described(self) -> dict[str, Any]:
        """All targets by their endpoints, for the controls."""
        return {
            one.endpoint: {"least": one.least, "most": one.most, "policies": one.policies, "tags": one.tags}
            for one in self._targets.values()
        }

    def forget(self) -> None:
        """There is none."""
        self._targets.clear()

    def _register(self, call: Call) -> Response:
        resource = call.name
        endpoint = self._endpoint(resource, call)
        there = self._targets.get((call.region, resource))
        least = call.parameters.get("MinCapacity", there.least if there else None)
        most = call.parameters.get("MaxCapacity", there.most if there else None)
        if least is None or most is None:
            raise Refused("When registering a new scalable target, MinCapacity and MaxCapacity must be specified")
        if most < least:
            raise Refused("Maximum capacity cannot be less than minimum capacity")
        if there is not None and call.parameters.get("Tags"):
            raise Refused("To add tags to an existing scalable target, use TagResource")
        tags = dict(call.parameters.get("Tags", {}))
        target = there or Target(call.region, endpoint, resource, least, most, tags)
        target.least, target.most = least, most
        self._targets[call.region, resource] = target
        return success({"ScalableTargetARN": target.arn})

    def _endpoint(self, resource: str, call: Call) -> str:
        """Of a target: its endpoint must be there, with such a variant."""
        if (call.parameters.get("ServiceNamespace"), call.parameters.get("ScalableDimension")) != (
            NAMESPACE,
            DIMENSION,
        ):
            raise Refused("Unsupported service namespace, resource type or scalable dimension")
        match = RESOURCE.fullmatch(resource)
        record = None if match is None else self._estate.records(ENDPOINT, call.region).get(match["name"])
        names = [] if record is None else [variant["VariantName"] for variant in record.production_variants]
        if match is None or record is None or resource.rpartition("/")[2] not in names:
            raise Refused(f"No endpoint variant was found for resource ID {resource}")
        if record.endpoint_status in {Status.DELETING, Status.CREATING, Status.FAILED}:
            raise Refused(f"The endpoint of {resource} is {record.endpoint_status}")
        return str(match["name"])

    def _found(self, call: Call) -> Target:
        target = self._targets.get((call.region, call.name))
        if target is None:
            raise unregistered(call)
        return target

    def _deregister(self, call: Call) -> Response:
        del self._targets[call.region, self._found(call).resource]
        return success({})

    def _describe(self, call: Call) -> Response:
        only = call.parameters.get("ResourceIds")
        mine = [one for (region, _), one in sorted(self._targets.items()) if region == call.region]
        found = [one for one in mine if only is None or one.resource in only]
        start = int(call.parameters.get("NextToken", 0))
        end = start + min(int(call.parameters.get("MaxResults", MAX_RESULTS)), MAX_RESULTS)
        more = {"NextToken": str(end)} if len(found) > end else {}
        return success({"ScalableTargets": [_told(one) for one in found[start:end]], **more})

    def _put_policy(self, call: Call) -> Response:
        target, asked = self._found(call), call.parameters
        configuration = asked.get("TargetTrackingScalingPolicyConfiguration", {})
        metric = configuration.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType")
        if asked.get("PolicyType") != "TargetTrackingScaling" or metric != METRIC:
            raise Refused(f"Only target tracking on {METRIC} is known here")
        if not configuration.get("TargetValue", 0) > 0:
            raise Refused("The target value must be greater than 0")
        target.policies[asked["PolicyName"]] = float(configuration["TargetValue"])
        names = [f"TargetTracking-{target.resource}-Alarm{one}-{uuid.uuid4()}" for one in ("High", "Low")]
        alarms = [
            {"AlarmName": one, "AlarmARN": f"arn:aws:cloudwatch:{call.region}:{ACCOUNT}:alarm:{one}"} for one in names
        ]
        path = f"resource/{NAMESPACE}/{target.resource}:policyName/{asked['PolicyName']}"
        arn = f"arn:aws:autoscaling:{call.region}:{ACCOUNT}:scalingPolicy:{uuid.uuid4()}:{path}"
        return success({"PolicyARN": arn, "Alarms": alarms})

    def _policies(self, call: Call) -> Response:
        found = self._targets.get((call.region, call.name))
        listed = [{"PolicyName": name, "ResourceId": call.name} for name in (found.policies if found else {})]
        return success({"ScalingPolicies": listed})

    def _tags(self, call: Call) -> Response:
        arn = call.parameters.get("ResourceARN", "")
        for target in self._targets.values():
            if target.arn == arn:
                return success({"Tags": target.tags})
        raise Refused(f"The scalable target {arn} was not found", code="ResourceNotFoundException")

    def _delete_endpoint(self, call: Call) -> Response:
        """AWS deregisters what scales an endpoint that is deleted, for whoever may deregister it."""
        with self._estate.lock:
            answer = self._inner(call)
            if answer.status_code == 200 and self._estate.settings.deregisters:  # noqa: PLR2004 - HTTP's own
                for key in [
                    key for key, one in self._targets.items() if (key[0], one.endpoint) == (call.region, call.name)
                ]:
                    del self._targets[key]
        return answer

    def _invoked(self, call: Call) -> None:
        with self._estate.lock:
            for (region, _), target in self._targets.items():
                if (region, target.endpoint) == (call.region, call.name):
                    self._count(target)

    def _count(self, target: Target) -> None:
        seconds = self._estate.settings.metric_seconds
        period = math.floor(self._estate.clock() / seconds)
        if period not in target.counts:
            self._scale(target, period, SECONDS_A_MINUTE / seconds)
            for old in [number for number in target.counts if number < period - ALARM_PERIODS]:
                del target.counts[old]
        target.counts[period] += 1

    def _scale(self, target: Target, period: int, a_minute: float) -> None:
        estate = self._estate
        record = estate.records(ENDPOINT, target.region).get(target.endpoint)
        if record is None or record.endpoint_status != Status.IN_SERVICE:
            return
        instances = record.production_variants[0].get("CurrentInstanceCount", 1)
        wanted = target.wanted(period, instances, a_minute)
        if wanted > instances:
            estate.scale(target.region, target.endpoint, wanted)


def unregistered(call: Call) -> Refused:
    """What AWS says of a target that is not there, or that it does not see yet."""
    return Refused(
        f"No scalable target registered for service namespace: {NAMESPACE}, resource ID: {call.name}, "
        f"scalable dimension: {DIMENSION}",
        code=NOT_FOUND,
    )


def _told(one: Target) -> dict[str, Any]:
    return {
        "ServiceNamespace": NAMESPACE,
        "ResourceId": one.resource,
        "ScalableDimension": DIMENSION,
        "MinCapacity": one.least,
        "MaxCapacity": one.most,
        "CreationTime": one.made.timestamp(),
        "ScalableTargetARN": one.arn,
    }
