"""What SageMaker refuses, and what its calls do to an endpoint: the layer in front of moto's SageMaker."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from werkzeug.wrappers import Response

from infra.sandbox.sagemaker import limits, listing
from infra.sandbox.sagemaker.lifecycle import Status
from infra.sandbox.sagemaker.sandbox_resources import (
    CONFIG,
    ENDPOINT,
    MODEL,
    SPOKEN,
    TRANSFORM,
    Estate,
    arn,
    could_not_find,
    epoch,
)
from infra.sandbox.wire import SAGEMAKER, Call, Handler, Refused, refusal, success

VERBS = ("Create", "Describe", "Update", "Delete")
KINDS = {"Model": MODEL, "EndpointConfig": CONFIG, "Endpoint": ENDPOINT, "TransformJob": TRANSFORM}
# Of a transform job: megabytes of an image, and of all that an instance is sent at once.
MAX_PAYLOAD_MB = 100


class Rules:
    """SageMaker as it behaves: refusals with AWS's codes and words, the life cycle, answers without empty members.

    Stricter than AWS in one way: deleting a configuration or a model that an endpoint or a transform job still uses is
    refused. AWS's manual says of endpoints that one must not; AWS itself mostly lets one.
    """

    def __init__(self, inner: Handler, estate: Estate) -> None:
        self._inner, self._estate = inner, estate
        self._own: Mapping[str, Callable[[Call], Response]] = {
            "DescribeEndpoint": self._describe_endpoint,
            "UpdateEndpoint": self._update_endpoint,
            "UpdateEndpointWeightsAndCapacities": self._scale_endpoint,
            "DeleteEndpoint": self._delete_endpoint,
            "CreateModel": self._create_model,
            "AddTags": self._add_tags,
            **{f"List{kind}s": self._list for kind in KINDS},
        }

    def __call__(self, call: Call) -> Response:
        """Answer a call to SageMaker; calls to other services pass."""
        if call.service != SAGEMAKER:
            return self._inner(call)
        with self._estate.lock:
            try:
                self._check(call)
                answer = self._own.get(call.operation, self._inner)(call)
                self._note_creation(call, answer)
            except Refused as refused:
                return refusal(call, refused)
        return trimmed(answer) if call.operation.startswith("Describe") else answer

    def _check(self, call: Call) -> None:
        verb = next((verb for verb in VERBS if call.operation.startswith(verb)), "")
        kind = KINDS.get(call.operation.removeprefix(verb)) if verb else None
        if call.operation.endswith("Tags"):
            self._check_permitted(call)
            self._check_tagged(call)
        elif call.operation == "DescribeTrainingJob":
            self._check_training_job(call.name, call.region)
        elif kind is not None and verb == "Create":
            self._check_absent(kind, call)
        elif kind is not None and verb == "Delete":
            self._find(kind, call.name, call.region)
        elif kind is not None:
            self._read(kind, call.name, call.region)
        if kind is not None or call.operation == "AddTags":
            limits.check(call)
        self._check_parts(call)
        if verb == "Delete" and kind in {CONFIG, MODEL}:
            self._check_unused(kind, call)

    def _check_training_job(self, name: str, region: str) -> None:
        if name not in self._estate.backend(region).training_jobs:
            raise Refused("Requested resource not found.")

    def _find(self, kind: str, name: str, region: str) -> Any:
        record = self._estate.records(kind, region).get(name)
        if record is None:
            raise could_not_find(kind, name, region)
        return record

    def _read(self, kind: str, name: str, region: str) -> None:
        """Find it, unless what has just been created is not to be seen yet."""
        self._find(kind, name, region)
        if self._estate.unseen(kind, region, name):
            raise could_not_find(kind, name, region)

    def _note_creation(self, call: Call, answer: Response) -> None:
        kind = KINDS.get(call.operation.removeprefix("Create"))
        if kind is not None and answer.status_code == 200:  # noqa: PLR2004 - HTTP's own
            self._estate.created(kind, call)

    def _check_absent(self, kind: str, call: Call) -> None:
        if call.name not in self._estate.records(kind, call.region):
            return
        if kind == TRANSFORM:
            raise Refused(
                "Job name must be unique within an AWS account and region, and a job with this name already exists "
                f"({arn(kind, call.name, call.region)})",
                code="ResourceInUse",
            )
        raise Refused(f'Cannot create already existing {SPOKEN[kind]} "{arn(kind, call.name, call.region)}".')

    def _check_parts(self, call: Call) -> None:
        if call.operation in {"CreateEndpoint", "UpdateEndpoint"}:
            self._read(CONFIG, call.parameters.get("EndpointConfigName", ""), call.region)
        if call.operation == "CreateEndpointConfig":
            for variant in call.parameters.get("ProductionVariants", ()):
                self._read(MODEL, variant["ModelName"], call.region)
        if call.operation == "CreateTransformJob":
            self._read(MODEL, call.parameters.get("ModelName", ""), call.region)
            payload_mb, at_once = (call.parameters.get(one, 1) for one in ("MaxPayloadInMB", "MaxConcurrentTransforms"))
            if payload_mb * max(1, at_once) > MAX_PAYLOAD_MB:
                raise Refused(
                    f"MaxConcurrentTransforms * MaxPayloadInMB cannot exceed {MAX_PAYLOAD_MB} MB, and is "
                    f"{at_once} * {payload_mb}"
                )

    def _check_permitted(self, call: Call) -> None:
        """AWS judges permissions before it looks for the resource: one that does not exist has no tags."""
        if call.operation == "AddTags" and self._estate.settings.tags_by_role:
            kind, _, name = call.name.rpartition(":")[2].partition("/")
            record = self._estate.records(kind, call.region).get(name) if kind in SPOKEN else None
            limits.check_tagging(call, () if record is None else record.tags)

    def _check_tagged(self, call: Call) -> None:
        kind, _, name = call.name.rpartition(":")[2].partition("/")
        if kind in SPOKEN:
            self._read(kind, name, call.region)
        elif kind == "training-job":
            self._check_training_job(name, call.region)

    def _check_unused(self, kind: str, call: Call) -> None:
        if user := self._estate.in_use_by(call.region, kind, call.name):
            used, user_kind = arn(kind, call.name, call.region), user.rpartition(":")[2].partition("/")[0]
            raise Refused(f'Cannot delete {SPOKEN[kind]} "{used}": it is in use by {SPOKEN[user_kind]} "{user}".')

    def _check_idle(self, call: Call) -> None:
        if self._estate.life(call.region, call.name).busy(self._estate.clock()):
            raise Refused(f'Cannot update in-progress endpoint "{arn(ENDPOINT, call.name, call.region)}".')

    def _describe_endpoint(self, call: Call) -> Response:
        """What is updated to another configuration tells of that; what is scaled does not."""
        answer = self._inner(call)
        life = self._estate.life(call.region, call.name)
        if life.status(self._estate.clock()) is Status.UPDATING and life.scaled_to is None:
            described = json.loads(answer.get_data())
            described["PendingDeploymentSummary"] = {"EndpointConfigName": described["EndpointConfigName"]}
            answer.set_data(json.dumps(described))
        return answer

    def _scale_endpoint(self, call: Call) -> Response:
        self._find(ENDPOINT, call.name, call.region)
        self._check_idle(call)
        for variant in call.parameters["DesiredWeightsAndCapacities"]:
            self._estate.scale(call.region, call.name, variant["DesiredInstanceCount"])
        return success({"EndpointArn": arn(ENDPOINT, call.name, call.region)})

    def _update_endpoint(self, call: Call) -> Response:
        self._check_idle(call)
        self._find(ENDPOINT, call.name, call.region).endpoint_config_name = call.parameters["EndpointConfigName"]
        estate = self._estate
        estate.life(call.region, call.name).update(estate.clock(), estate.settings.creating_seconds)
        return success({"EndpointArn": arn(ENDPOINT, call.name, call.region)})

    def _delete_endpoint(self, call: Call) -> Response:
        self._check_idle(call)
        estate = self._estate
        estate.life(call.region, call.name).delete(estate.clock(), estate.settings.deleting_seconds)
        return success()

    def _create_model(self, call: Call) -> Response:
        answer = self._inner(call)
        if record := self._estate.records(MODEL, call.region).get(call.name):
            # Moto forgets it.
            record.enable_network_isolation = call.parameters.get("EnableNetworkIsolation", False)
        return answer

    def _add_tags(self, call: Call) -> Response:
        """A key that is there already gets the new value; moto would keep both."""
        new = call.parameters["Tags"]
        keys = [tag["Key"] for tag in new]
        backend = self._estate.backend(call.region)
        backend.delete_tags(call.name, keys)
        return success({"Tags": backend.add_tags(call.name, new)})

    def _list(self, call: Call) -> Response:
        name = call.operation.removeprefix("List").removesuffix("s")
        kind, region = KINDS[name], call.region
        records = self._estate.records(kind, region).items()
        seen = [_summary(name, *one, region) for one in records if not self._estate.unseen(kind, region, one[0])]
        found, token = listing.page(seen, name, call.parameters)
        member = f"{name}Summaries" if kind == TRANSFORM else f"{name}s"
        return success({member: found} | ({"NextToken": token} if token else {}))


def _summary(kind: str, name: str, record: Any, region: str) -> listing.Summary:
    created = {"CreationTime": epoch(record.creation_time)}
    summary = {f"{kind}Name": name, f"{kind}Arn": arn(KINDS[kind], name, region), **created}
    if kind == "Endpoint":
        summary |= {"LastModifiedTime": epoch(record.last_modified_time), "EndpointStatus": record.endpoint_status}
    if kind == "TransformJob":
        reason = {"FailureReason": record.failure_reason} if record.failure_reason else {}
        summary |= {"LastModifiedTime": epoch(record.last_modified_time), **reason}
        summary["TransformJobStatus"] = record.transform_job_status
    return summary


def trimmed(answer: Response) -> Response:
    """A description without what AWS leaves out: empty members, and variants of an endpoint that never came up."""
    try:
        described = json.loads(answer.get_data())
    except ValueError:
        return answer
    if described.get("EndpointStatus") in {Status.CREATING, Status.FAILED}:
        described.pop("ProductionVariants", None)
    answer.set_data(json.dumps(_without_empty(described)))
    return answer


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        members = {key: _without_empty(member) for key, member in value.items()}
        return {key: member for key, member in members.items() if member not in (None, {}, [])}
    return [_without_empty(member) for member in value] if isinstance(value, list) else value
