"""What the deployed roles allow, asked as IAM would be."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import pytest
from cloud import RUN, Cloud, tags_for
from cloud_stack import ACCOUNT, DATA_KEY, EVERYTHING, REGION, TRAINER, Stack
from iam_policies import Account, Policies, as_list

from infra.sandbox.client import Sandbox
from infra.sandbox.sagemaker import limits
from infra.sandbox.wire import Call, Refused
from tasks.services.endpoints.sagemaker.batch.batch_files import BatchFolder
from tasks.services.endpoints.teardown import sweeping, teardown
from tasks.services.endpoints.teardown.sagemaker_resources import KINDS as ENDPOINT_KINDS
from tasks.services.endpoints.teardown.sagemaker_resources import (
    LEASE_TAG,
    PROJECT,
    PROJECT_TAG,
    RUN_TAG,
    TRANSFORM,
    resource_name,
)
from tasks.services.endpoints.teardown.scalable_targets import target_of

ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:"
NAME = resource_name(RUN, 1)
KINDS = [
    ("Endpoint", "endpoint"),
    ("EndpointConfig", "endpoint-config"),
    ("Model", "model"),
    ("TransformJob", "transform-job"),
]
# Names that the policy's wildcards take for ours: AWS cannot tell them from a run's.
THEIRS, UNTAGGED = f"{ARN}{{}}/flood-extent-production", f"{ARN}{{}}/flood-extent-trial"
OURS = {"aws:ResourceTag/project": PROJECT}
TAGGED = {"aws:RequestTag/project": PROJECT}
TO_SAGEMAKER = {"iam:PassedToService": "sagemaker.amazonaws.com"}
VIA_S3 = {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}
ROLES = ["FlowRole", "SageMakerRole", "SweeperRole", "TaskExecutionRole"]
# What AWS grants for every resource or not at all.
UNRESTRICTABLE = {
    "sagemaker:ListTransformJobs",
    *("sagemaker:ListEndpoints", "sagemaker:ListEndpointConfigs", "sagemaker:ListModels"),
    *("servicequotas:ListServiceQuotas", "servicequotas:ListAWSDefaultServiceQuotas"),
    *("ecr:GetAuthorizationToken", "cloudwatch:PutMetricData"),
    *("ec2:DescribeVpcs", "ec2:DescribeSubnets", "ec2:DescribeSecurityGroups"),
    *("ec2:DescribeDhcpOptions", "ec2:DescribeNetworkInterfaces"),
    *("application-autoscaling:DescribeScalableTargets", "cloudwatch:DescribeAlarms"),
}
SCALING = "application-autoscaling"
TARGET = f"arn:aws:{SCALING}:{REGION}:{ACCOUNT}:scalable-target/0123456789abcdef"
ALARM = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:TargetTracking-endpoint/{{}}/variant/AllTraffic-AlarmHigh-1"
FOR_SCALING = "sagemaker.application-autoscaling.amazonaws.com"
SCALING_ROLE = (
    f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/{FOR_SCALING}/"
    "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
)


def ending(operation: str) -> str:
    """What ends a resource: AWS keeps a transform job's record, so that one is stopped."""
    return f"{'Stop' if operation == 'TransformJob' else 'Delete'}{operation}"


@pytest.mark.parametrize("role", ROLES)
def test_nothing_is_granted_for_everything(stack: Stack, role: str) -> None:
    """No action has a wildcard, and every resource is as narrow as AWS lets it be."""
    statements = stack.policies(role).statements
    assert not [action for one in statements for action in as_list(one["Action"]) if "*" in action]
    unlimited = [one for one in statements if "*" in as_list(one["Resource"])]
    assert {action for one in unlimited for action in as_list(one["Action"])} <= UNRESTRICTABLE


@pytest.mark.parametrize("role", ROLES)
def test_policies_fit(stack: Stack, role: str) -> None:
    """IAM takes at most 10,240 characters of inline policies a role, which no simulation counts."""
    assert 0 < sum(len(str(one)) for one in stack.policies(role).statements) < 10_240


@pytest.mark.parametrize(("operation", "path"), KINDS)
def test_the_flow_creates_only_what_the_sweeps_would_find(stack: Stack, operation: str, path: str) -> None:
    """A name or a tag that is not ours is refused by AWS itself."""
    flow, action = stack.policies("FlowRole"), f"sagemaker:Create{operation}"
    assert flow.allow(action, f"{ARN}{path}/{NAME}", TAGGED)
    assert not flow.allow(action, f"{ARN}{path}/{NAME}")
    assert not flow.allow(action, f"{ARN}{path}/{NAME}", {"aws:RequestTag/project": "other"})
    assert not flow.allow(action, f"{ARN}{path}/my-flood-extent-1", TAGGED)


@pytest.mark.parametrize("role", ["FlowRole", "SweeperRole"])
@pytest.mark.parametrize(("operation", "path"), KINDS)
def test_only_what_is_ours_is_deleted(stack: Stack, role: str, operation: str, path: str) -> None:
    """Name and tag, both: a bug in the sweep cannot reach anybody else's endpoint."""
    policies, action = stack.policies(role), f"sagemaker:{ending(operation)}"
    assert policies.allow(action, f"{ARN}{path}/{NAME}", OURS)
    assert not policies.allow(action, f"{ARN}{path}/{NAME}")
    assert not policies.allow(action, f"{ARN}{path}/{NAME}", {"aws:ResourceTag/project": "other"})
    assert not policies.allow(action, f"{ARN}{path}/production", OURS)


@pytest.fixture
def account(stack: Stack) -> Account:
    """What the flow's role may do where somebody else hosts under names like ours, with tags and without."""
    theirs = {THEIRS.format(path): {"team": "roads"} for _, path in KINDS}
    return Account(stack.policies("FlowRole"), {**theirs, **{UNTAGGED.format(path): {} for _, path in KINDS}})


@pytest.mark.parametrize(("operation", "path"), KINDS)
def test_the_flow_creates_with_all_tags_and_renews_its_lease(account: Account, operation: str, path: str) -> None:
    """What a run does, from its first resource to its teardown."""
    mine = f"{ARN}{path}/{NAME}"
    assert account.create(f"Create{operation}", mine, dict.fromkeys(tags_for(RUN), "x") | {PROJECT_TAG: PROJECT})
    assert account.add_tags(mine, {LEASE_TAG: "2026-01-01T00:00:00Z"})
    assert account.delete(ending(operation), mine)


@pytest.mark.parametrize("whose", [THEIRS, UNTAGGED])
@pytest.mark.parametrize(("operation", "path"), KINDS)
def test_a_stranger_s_resource_cannot_be_made_ours_and_deleted(
    account: Account, operation: str, path: str, whose: str
) -> None:
    """The attack: tag somebody else's with our tag, then delete it, as only what carries our tag may be deleted."""
    theirs = whose.format(path)
    before = dict(account.tags[theirs])
    for tags in ({PROJECT_TAG: PROJECT}, {PROJECT_TAG: PROJECT, LEASE_TAG: "x"}, {LEASE_TAG: "x"}):
        assert not account.add_tags(theirs, tags)
    account.create(f"Create{operation}", theirs, {PROJECT_TAG: PROJECT})  # refused by AWS: the name is taken
    assert account.tags[theirs] == before
    assert not account.delete(ending(operation), theirs)


@pytest.mark.parametrize(("operation", "path"), KINDS)
def test_the_flow_writes_no_tag_that_means_something_to_others(account: Account, operation: str, path: str) -> None:
    """Not at creation, and not on its own resources afterwards; whose they are cannot be changed either."""
    mine, ours = f"{ARN}{path}/{NAME}", {PROJECT_TAG: PROJECT}
    assert not account.create(f"Create{operation}", mine, {**ours, "cost-centre": "7"})
    assert not account.create(f"Create{operation}", mine, {PROJECT_TAG: "roads"})
    assert account.create(f"Create{operation}", mine, ours)
    for tags in ({"cost-centre": "7"}, {LEASE_TAG: "x", "cost-centre": "7"}, {PROJECT_TAG: "roads"}, {RUN_TAG: "x"}):
        assert not account.add_tags(mine, tags)


@pytest.mark.parametrize("there", [None, {}, {PROJECT_TAG: "roads"}, {PROJECT_TAG: PROJECT}])
@pytest.mark.parametrize("asked", [(LEASE_TAG,), (PROJECT_TAG,), (LEASE_TAG, "cost-centre"), (LEASE_TAG, RUN_TAG)])
def test_the_sandbox_judges_tags_as_the_stack_does(
    account: Account, there: dict[str, str] | None, asked: tuple[str, ...]
) -> None:
    """What runs on the sandbox, with the role's policy, runs on AWS."""
    arn = f"{ARN}endpoint/{NAME}"
    role = Account(account.role, {} if there is None else {arn: dict(there)})
    tags = dict.fromkeys(asked, PROJECT)
    pairs = [{"Key": key, "Value": value} for key, value in (there or {}).items()]
    call = Call(
        {}, "sagemaker", "AddTags", REGION, arn, parameters={"Tags": [{"Key": key, "Value": ""} for key in asked]}
    )
    try:
        limits.check_tagging(call, pairs)
    except Refused:
        assert not role.add_tags(arn, tags)
    else:
        assert role.add_tags(arn, tags)


def test_the_flow_passes_execution_roles_to_sagemaker_only(stack: Stack, plain: Stack) -> None:
    """Passing any role, or to any service, would be a way to whatever those may do."""
    flow, own = stack.policies("FlowRole"), stack.outputs["SageMakerRoleArn"]
    assert all(flow.allow("iam:PassRole", role, TO_SAGEMAKER) for role in (own, TRAINER))
    assert not flow.allow("iam:PassRole", own, {"iam:PassedToService": "ec2.amazonaws.com"})
    assert not flow.allow("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/admin", TO_SAGEMAKER)
    assert not plain.policies("FlowRole").allow("iam:PassRole", TRAINER, TO_SAGEMAKER)


def test_the_flow_looks_at_what_a_run_depends_on(stack: Stack, plain: Stack) -> None:
    """A plan sees the roles that it would pass, the model's artifact and the quotas, and no other role or object."""
    flow, own = stack.policies("FlowRole"), stack.outputs["SageMakerRoleArn"]
    assert all(flow.allow("iam:GetRole", role) for role in (own, TRAINER))
    assert not flow.allow("iam:GetRole", f"arn:aws:iam::{ACCOUNT}:role/admin")
    assert not plain.policies("FlowRole").allow("iam:GetRole", TRAINER)
    assert all(flow.allow(f"servicequotas:{one}", "*") for one in ("ListServiceQuotas", "ListAWSDefaultServiceQuotas"))
    assert flow.allow("s3:GetObject", "arn:aws:s3:::models/segmentation/job/output/model.tar.gz")
    assert flow.allow("s3:ListBucket", "arn:aws:s3:::models", {"s3:prefix": "segmentation/job"})
    assert not flow.allow("s3:GetObject", "arn:aws:s3:::models/other/model.tar.gz")


def test_the_flow_scales_its_endpoints_and_no_other(stack: Stack) -> None:
    """What AWS asks of whoever registers a target is there, for what carries our tag or is named like ours."""
    flow = stack.policies("FlowRole")
    assert all(flow.allow(f"{SCALING}:{one}", TARGET, TAGGED) for one in ("RegisterScalableTarget", "TagResource"))
    assert not flow.allow(f"{SCALING}:RegisterScalableTarget", TARGET, {"aws:RequestTag/project": "roads"})
    assert flow.allow(f"{SCALING}:PutScalingPolicy", TARGET, OURS)
    assert not flow.allow(f"{SCALING}:PutScalingPolicy", TARGET, {"aws:ResourceTag/project": "roads"})
    assert flow.allow("sagemaker:UpdateEndpointWeightsAndCapacities", f"{ARN}endpoint/{NAME}", OURS)
    assert not flow.allow("sagemaker:UpdateEndpointWeightsAndCapacities", f"{ARN}endpoint/production", OURS)
    assert flow.allow("cloudwatch:PutMetricAlarm", ALARM.format(NAME))
    assert not flow.allow("cloudwatch:PutMetricAlarm", ALARM.format("production"))


def test_the_flow_makes_the_role_that_scales_and_no_other(stack: Stack) -> None:
    """With the first target of an account, AWS makes its service-linked role in the name of whoever registers."""
    flow, scaling = stack.policies("FlowRole"), {"iam:AWSServiceName": FOR_SCALING}
    assert flow.allow("iam:CreateServiceLinkedRole", SCALING_ROLE, scaling)
    assert not flow.allow("iam:CreateServiceLinkedRole", SCALING_ROLE, {"iam:AWSServiceName": "ecs.amazonaws.com"})
    assert not flow.allow("iam:CreateServiceLinkedRole", f"arn:aws:iam::{ACCOUNT}:role/admin", scaling)


@pytest.mark.parametrize("role", ["FlowRole", "SweeperRole"])
def test_only_our_targets_are_deregistered(stack: Stack, role: str) -> None:
    """And whoever deletes endpoints may: AWS refuses to delete a scaled one to anybody else."""
    policies, action = stack.policies(role), f"{SCALING}:DeregisterScalableTarget"
    assert policies.allow(action, TARGET, OURS)
    assert not policies.allow(action, TARGET)
    assert policies.allow("cloudwatch:DeleteAlarms", ALARM.format(NAME))
    assert not policies.allow("cloudwatch:DeleteAlarms", ALARM.format("production"))


def test_the_flow_asks_its_endpoints_and_no_other(stack: Stack) -> None:
    """It reads any training job, and invokes what it made."""
    flow = stack.policies("FlowRole")
    assert flow.allow("sagemaker:DescribeTrainingJob", f"{ARN}training-job/flood-2022")
    assert flow.allow("sagemaker:InvokeEndpoint", f"{ARN}endpoint/{NAME}")
    assert not flow.allow("sagemaker:InvokeEndpoint", f"{ARN}endpoint/production")


def test_the_flow_reads_imagery_and_writes_work_and_product(stack: Stack) -> None:
    """The originals cannot be changed; the stack's buckets can, and no other is seen."""
    flow, frames = stack.policies("FlowRole"), "arn:aws:s3:::frames-2022"
    own = [f"arn:aws:s3:::{stack.outputs[one]}" for one in ("WorkBucketName", "ProductBucketName")]
    for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"):
        assert all(flow.allow(action, f"{bucket}/a/b.jp2") for bucket in own)
        assert flow.allow(action, f"{frames}/a/b.jp2") == (action == "s3:GetObject")
        assert not flow.allow(action, "arn:aws:s3:::payroll/2022.csv")
    assert all(flow.allow("s3:ListBucket", bucket) for bucket in (*own, "arn:aws:s3:::frames-2021", frames))


def test_keys_are_used_through_the_services_that_need_them(stack: Stack) -> None:
    """The buckets' key for S3, other keys for reading and for an endpoint's volumes, none by itself."""
    flow, key = stack.policies("FlowRole"), stack.outputs["KeyArn"]
    assert all(flow.allow(action, key, VIA_S3) for action in ("kms:Decrypt", "kms:GenerateDataKey"))
    assert not flow.allow("kms:Decrypt", key)
    assert flow.allow("kms:Decrypt", DATA_KEY, VIA_S3)
    assert flow.allow("kms:CreateGrant", DATA_KEY, {"kms:GrantIsForAWSResource": "true"})
    assert not flow.allow("kms:CreateGrant", DATA_KEY, {"kms:GrantIsForAWSResource": "false"})


def test_endpoints_read_models_and_do_no_more(stack: Stack, plain: Stack) -> None:
    """The container of a model reaches its artifact, and neither imagery nor products."""
    hosting, model = stack.policies("SageMakerRole"), "arn:aws:s3:::models/segmentation/job/model.tar.gz"
    assert hosting.allow("s3:GetObject", model)
    assert not hosting.allow("s3:PutObject", model)
    assert not hosting.allow("s3:GetObject", "arn:aws:s3:::models/other/model.tar.gz")
    assert not hosting.allow("s3:GetObject", f"arn:aws:s3:::{stack.outputs['ProductBucketName']}/products/a.zip")
    assert not hosting.allow("s3:GetObject", f"arn:aws:s3:::{stack.outputs['WorkDirectory'][5:]}/cache/predict/a.png")
    assert not plain.policies("SageMakerRole").allow("s3:GetObject", model)


def test_transform_jobs_read_images_and_write_answers(stack: Stack) -> None:
    """Where a run puts the one and looks for the other; neither the cache nor a product can be written."""
    hosting, work = stack.policies("SageMakerRole"), f"arn:aws:s3:::{stack.outputs['WorkBucketName']}"
    there = f"{work}/work"
    folder = BatchFolder(there, NAME)
    assert stack.outputs["WorkDirectory"].removeprefix("s3://") == there.removeprefix("arn:aws:s3:::")
    for read in (f"{there}/scratch/a.jpg", folder.manifest_uri, f"{folder.uri}/in/a.jpg"):
        assert hosting.allow("s3:GetObject", read)
        assert not hosting.allow("s3:PutObject", read)
    assert hosting.allow("s3:PutObject", f"{folder.output_uri(NAME)}/scratch/a.jpg.out")
    assert not hosting.allow("s3:PutObject", f"{there}/cache/predict/a.png")
    assert hosting.allow("s3:ListBucket", work, {"s3:prefix": f"work/batch/{NAME}/in/"})
    assert all(hosting.allow(one, stack.outputs["KeyArn"], VIA_S3) for one in ("kms:Decrypt", "kms:GenerateDataKey"))


def test_a_role_that_trains_uses_the_keys_of_its_jobs(training: Stack, stack: Stack) -> None:
    """Output and disks of a training job are encrypted with a key; a grant is for AWS's own resources alone."""
    role, for_aws = training.policies("SageMakerRole"), {"kms:GrantIsForAWSResource": "true"}
    assert role.allow("kms:Encrypt", DATA_KEY)
    assert role.allow("kms:GenerateDataKey", DATA_KEY, VIA_S3)
    assert role.allow("kms:CreateGrant", DATA_KEY, for_aws)
    assert not role.allow("kms:CreateGrant", DATA_KEY)
    assert not role.allow("kms:CreateGrant", training.outputs["KeyArn"], for_aws)
    hosting = stack.policies("SageMakerRole")
    assert not any(hosting.allow(f"kms:{one}", DATA_KEY, for_aws) for one in ("Encrypt", "CreateGrant"))


@pytest.mark.parametrize("role", ["FlowRole", "SageMakerRole", "TaskExecutionRole"])
def test_services_take_a_role_on_for_this_account_alone(stack: Stack, role: str) -> None:
    """Somebody else's endpoint or task cannot make AWS act with our role (the confused deputy)."""
    trust = stack.client("iam").get_role(RoleName=stack.resources[role])["Role"]["AssumeRolePolicyDocument"]
    (statement,) = trust["Statement"]
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}


def test_endpoints_reach_a_network_only_where_they_are_attached_to_one(stack: Stack, plain: Stack) -> None:
    """Network interfaces are for models that live in a VPC."""
    interface = f"arn:aws:ec2:{REGION}:{ACCOUNT}:network-interface/eni-1"
    assert stack.policies("SageMakerRole").allow("ec2:CreateNetworkInterface", interface)
    assert not plain.policies("SageMakerRole").allow("ec2:CreateNetworkInterface", interface)


def test_containers_are_started_with_one_image_and_one_secret(stack: Stack) -> None:
    """What starts a run cannot read other images or secrets of the account, nor its data."""
    starting = stack.policies("TaskExecutionRole")
    image, secret = EVERYTHING["ImageRepositoryArn"], EVERYTHING["PrefectSecretArn"]
    assert starting.allow("ecr:BatchGetImage", image)
    assert starting.allow("secretsmanager:GetSecretValue", secret)
    assert not starting.allow("secretsmanager:GetSecretValue", secret.replace("prefect", "payroll"))
    assert not starting.allow("ecr:BatchGetImage", f"{image}-other")


def test_the_worker_starts_runs_and_nothing_else(stack: Stack) -> None:
    """Its policy is bound to the stack's task definition, cluster and roles."""
    iam, arn = stack.client("iam"), stack.outputs["WorkerPolicyArn"]
    document = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"]
    worker, cluster = Policies(document["Statement"]), {"ecs:cluster": stack.outputs["ClusterArn"]}
    to_ecs = {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
    revision = stack.outputs["TaskDefinitionArn"]
    assert worker.allow("ecs:RunTask", revision, cluster)
    assert worker.allow("ecs:RunTask", revision.rpartition(":")[0], cluster)  # the family, as the request names it
    assert not worker.allow("ecs:RunTask", stack.outputs["TaskDefinitionArn"], {"ecs:cluster": "other"})
    assert all(
        worker.allow("iam:PassRole", stack.outputs[f"{one}RoleArn"], to_ecs) for one in ("Flow", "TaskExecution")
    )
    assert not worker.allow("iam:PassRole", stack.outputs["SageMakerRoleArn"], to_ecs)


def test_the_sweeper_makes_and_tags_nothing(stack: Stack) -> None:
    """Whoever took it over could neither start costs nor mark others' resources as ours."""
    actions = {action for one in stack.policies("SweeperRole").statements for action in as_list(one["Action"])}
    verbs = {action.partition(":")[2] for action in actions if action.startswith("sagemaker:")}
    assert all(verb.startswith(("List", "Describe", "Delete", "Stop")) for verb in verbs)
    of_scaling = {"DescribeScalableTargets", "DeregisterScalableTarget", "ListTagsForResource"}
    assert actions - {f"sagemaker:{verb}" for verb in verbs} == {
        *("logs:CreateLogStream", "logs:PutLogEvents"),
        *("cloudwatch:DescribeAlarms", "cloudwatch:DeleteAlarms"),
        *(f"{SCALING}:{verb}" for verb in of_scaling),
    }


@pytest.fixture
def forgotten(stack: Stack) -> Iterator[tuple[Any, str]]:
    """A client of a SageMaker in which a run has left all there can be, its lease lapsed; and under which name."""
    client, run = stack.client("sagemaker"), uuid4()  # the name of a transform job is taken for good
    name, tags = resource_name(run, 1), tags_for(run, lease_until="2024-01-01T00:00:00Z")
    cloud = Cloud(Sandbox(stack.url), client)
    cloud.sandbox.fault("CreateTransformJob", "stays-creating")
    cloud.three(name, tags)
    cloud.transform(name, tags)
    stack.client(SCALING).register_scalable_target(**target_of(name), MinCapacity=1, MaxCapacity=2, Tags=tags)
    yield client, name
    kinds = (TRANSFORM, *ENDPOINT_KINDS)
    left = teardown.delete_run(client, run, seconds=20, until=teardown.DONE, kinds=kinds)
    assert all(step.outcome in teardown.DONE for step in left)


@pytest.mark.parametrize("role", ["SweeperRole", "FlowRole"])
def test_every_call_of_a_sweep_is_allowed(stack: Stack, forgotten: tuple[Any, str], role: str) -> None:
    """Whatever the sweep asks of AWS to find and delete an orphan, the role that it runs under may do."""
    client, name = forgotten
    calls: list[tuple[str, str]] = []

    def record(params: Mapping[str, Any], model: Any, **_: Any) -> None:
        calls.append((f"sagemaker:{model.name}", _asked_for(model.name, params)))

    def record_scaling(model: Any, **_: Any) -> None:
        calls.append((f"{SCALING}:{model.name}", "*" if model.name.startswith("Describe") else TARGET))

    scaling = stack.client(SCALING)
    client.meta.events.register("before-parameter-build.sagemaker.*", record)
    scaling.meta.events.register("before-parameter-build.application-autoscaling.*", record_scaling)
    (verdict,) = (one for one in sweeping.sweep(client, scaling=scaling) if one.name == name)
    policies = stack.policies(role)
    assert not verdict.failed
    endings = {f"sagemaker:{ending(operation)}" for operation, _ in KINDS} | {f"{SCALING}:DeregisterScalableTarget"}
    assert endings <= {action for action, _ in calls}
    assert [call for call in calls if not policies.allow(*call, OURS)] == []


def _asked_for(operation: str, params: Mapping[str, Any]) -> str:
    """The ARN of what a call names; ``*`` for lists, which name nothing."""
    named = [f"{ARN}{path}/{params[f'{kind}Name']}" for kind, path in KINDS if operation.endswith(kind)]
    return params.get("ResourceArn") or (named[0] if named else "*")
