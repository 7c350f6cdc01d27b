"""The CloudFormation template: linted, and deployed on a simulated AWS.

The simulation ignores alarms, bucket policies, the budget and most properties of buckets and task definitions: these
are asserted on the template.
"""

import base64
from typing import Any

import cfnlint.api
import cfnlint.decode
import pytest
from cloud_stack import EVERYTHING, TEMPLATE, Stack

from deployments import task_definition
from deployments.automations import HEARTBEAT_SECONDS
from infra.aws import package_sweeper
from tasks.services.endpoints.teardown import sweeping
from tasks.services.endpoints.teardown.sagemaker_resources import PROJECT, PROJECT_TAG


def properties(template: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """Of all resources of a type, of which there is at least one."""
    found = [one["Properties"] for one in template["Resources"].values() if one["Type"] == kind]
    assert found
    return found


@pytest.mark.slow
def test_the_linter_finds_nothing() -> None:
    """CloudFormation would refuse a template with an error only after it has begun to create."""
    assert cfnlint.api.lint_file(TEMPLATE) == []


def test_the_template_can_be_sent_as_it_is() -> None:
    """Above 51,200 bytes it would have to be uploaded to a bucket first."""
    assert TEMPLATE.stat().st_size <= 51_200


def test_every_parameter_is_explained(template: dict[str, Any]) -> None:
    """Who deploys sees what each parameter means, here and in the README, and which have to be given."""
    readme = TEMPLATE.with_name("README.md").read_text()
    assert [name for name in template["Parameters"] if f"`{name}`" not in readme] == []
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert sorted(name for group in groups for name in group["Parameters"]) == sorted(template["Parameters"])
    assert all(parameter["Description"] for parameter in template["Parameters"].values())
    needed = {name for name, parameter in template["Parameters"].items() if "Default" not in parameter}
    assert needed == {"SweeperCodeBucket", "SweeperCodeKey", "Image"}


def test_what_is_optional_is_optional(stack: Stack, plain: Stack) -> None:
    """The defaults deploy, without keys, grants and secrets that nobody asked for."""
    assert set(stack.resources) - set(plain.resources) == {
        *("Key", "FlowUsesKey", "FlowUsesDataKeys", "FlowReadsImagery", "FlowPassesOtherRoles"),
        *("SageMakerReadsModels", "SageMakerUsesDataKeys", "SageMakerUsesKey", "SageMakerUsesVpc"),
        *("TaskExecutionPullsImage", "TaskExecutionReadsSecret"),
    }
    assert set(stack.outputs) - set(plain.outputs) == {"KeyArn"}


@pytest.mark.parametrize("bucket", ["WorkBucket", "ProductBucket"])
def test_buckets_are_encrypted(stack: Stack, plain: Stack, bucket: str) -> None:
    """With the key where there is one, by S3 itself where there is none."""
    rules = [
        one.client("s3").get_bucket_encryption(Bucket=one.resources[bucket])["ServerSideEncryptionConfiguration"]
        for one in (stack, plain)
    ]
    with_key, without = (one["Rules"][0]["ApplyServerSideEncryptionByDefault"] for one in rules)
    assert with_key == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": stack.outputs["KeyArn"]}
    assert without["SSEAlgorithm"] == "AES256"


def test_buckets_are_private_and_outlive_the_stack(template: dict[str, Any]) -> None:
    """No setting of an object can make it public, and deleting the stack deletes no product."""
    for bucket in properties(template, "AWS::S3::Bucket"):
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    kept = {name for name, one in template["Resources"].items() if one.get("DeletionPolicy") == "Retain"}
    assert kept == {"WorkBucket", "ProductBucket", "Key"}


@pytest.mark.parametrize("bucket", ["WorkBucket", "ProductBucket"])
def test_buckets_refuse_plain_http(template: dict[str, Any], bucket: str) -> None:
    """Whoever asks without TLS is denied, for the bucket and all in it; with TLS nobody is."""
    policy = template["Resources"][f"{bucket}Policy"]["Properties"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert policy["Bucket"] == {"Ref": bucket}
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Resource"] == [{"Fn::GetAtt": [bucket, "Arn"]}, {"Fn::Sub": f"${{{bucket}.Arn}}/*"}]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize(("bucket", "days"), [("WorkBucket", 7), ("ProductBucket", {"Ref": "OldProductDays"})])
def test_what_was_overwritten_can_be_had_back_for_a_while(
    template: dict[str, Any], bucket: str, days: int | dict[str, str]
) -> None:
    """Versions end, and so do the marks of what has no version left: nothing adds up."""
    properties = template["Resources"][bucket]["Properties"]
    rules = {rule["Id"]: rule for rule in properties["LifecycleConfiguration"]["Rules"]}
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert rules["replaced"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": days}
    assert rules["replaced"]["ExpiredObjectDeleteMarker"] is True


def test_intermediates_and_broken_uploads_expire(template: dict[str, Any]) -> None:
    """A cache is no archive. S3 takes no rule that ends objects and marks of deletion at once."""
    work, product = (template["Resources"][one]["Properties"] for one in ("WorkBucket", "ProductBucket"))
    rules = {rule["Id"]: rule for rule in work["LifecycleConfiguration"]["Rules"]}
    assert rules["expire"]["ExpirationInDays"] == {"Ref": "WorkDays"}
    assert "ExpiredObjectDeleteMarker" not in rules["expire"]
    assert all("uploads" in str(one["LifecycleConfiguration"]) for one in (work, product))


def test_the_sweeper_runs_the_packed_code(stack: Stack) -> None:
    """What Lambda would start is in the zip that was uploaded."""
    function = stack.client("lambda").get_function(FunctionName=stack.outputs["SweeperName"])
    settings = function["Configuration"]
    assert base64.b64decode(settings["CodeSha256"]).hex() == stack.digest
    assert settings["Handler"].rpartition(".")[0].replace(".", "/") + ".py" in package_sweeper.FILES
    assert int(settings["Environment"]["Variables"]["MAX_ENDPOINT_MINUTES"]) == sweeping.MAX_ENDPOINT_MINUTES
    assert function["Concurrency"] == {"ReservedConcurrentExecutions": 1}


def test_the_sweeper_is_started_on_schedule(stack: Stack) -> None:
    """The rule is on, aims at the function, and may start it."""
    events, rule = stack.client("events"), stack.resources["SweeperSchedule"]
    described = events.describe_rule(Name=rule)
    targets = events.list_targets_by_rule(Rule=rule)["Targets"]
    permission = stack.client("lambda").get_policy(FunctionName=stack.outputs["SweeperName"])["Policy"]
    assert (described["State"], described["ScheduleExpression"]) == ("ENABLED", "rate(5 minutes)")
    assert [one["Arn"].rpartition(":")[2] for one in targets] == [stack.outputs["SweeperName"]]
    assert described["Arn"] in permission


def test_logs_are_kept_for_a_while_only(plain: Stack) -> None:
    """Both log groups exist before anything writes to them, with an end to their keeping."""
    groups = plain.client("logs").describe_log_groups(logGroupNamePrefix=f"/flood-extent/{plain.name}/")["logGroups"]
    kept = {one["logGroupName"]: one["retentionInDays"] for one in groups}
    assert kept == {plain.outputs["SweeperLogGroup"]: 30, plain.outputs["RunLogGroup"]: 30}


def test_lambda_writes_where_the_retention_is(template: dict[str, Any]) -> None:
    """A function without this would make a log group of its own, kept for ever."""
    (function,) = properties(template, "AWS::Lambda::Function")
    assert function["LoggingConfig"] == {"LogGroup": {"Ref": "SweeperLogs"}}
    assert (function["Runtime"], function["Architectures"]) == ("python3.13", ["arm64"])


def test_failing_and_missing_sweeps_raise_the_alarm(template: dict[str, Any]) -> None:
    """Both reach the topic; no data is a fault for the one that counts sweeps, and none for the other."""
    alarms = {one["MetricName"]: one for one in properties(template, "AWS::CloudWatch::Alarm")}
    assert all(one["AlarmActions"] == [{"Ref": "AlarmTopic"}] for one in alarms.values())
    sweeps = {name: one for name, one in alarms.items() if one["Namespace"] == "AWS/Lambda"}
    assert {name: one["TreatMissingData"] for name, one in sweeps.items()} == {
        "Errors": "notBreaching",
        "Invocations": "breaching",
    }
    assert all(one["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": "Sweeper"}}] for one in sweeps.values())


def test_a_late_sweep_gives_way_to_the_next(template: dict[str, Any]) -> None:
    """Lambda would hold a refused event for six hours; here it is dropped once the next round is due."""
    (retries,) = properties(template, "AWS::Lambda::EventInvokeConfig")
    assert retries["MaximumEventAgeInSeconds"] <= 60 * min(template["Parameters"]["SweepMinutes"]["AllowedValues"])


def test_silence_is_two_rounds(template: dict[str, Any]) -> None:
    """The alarm's period holds at least one sweep whenever sweeps run, for each rate that can be chosen."""
    periods = {int(minutes): one["SilenceSeconds"] for minutes, one in template["Mappings"]["Sweeps"].items()}
    assert periods == {minutes: 120 * minutes for minutes in template["Parameters"]["SweepMinutes"]["AllowedValues"]}


def test_alarms_and_budget_may_publish(template: dict[str, Any]) -> None:
    """An alarm that must not publish is silent; nobody else's may."""
    (policy,) = properties(template, "AWS::SNS::TopicPolicy")
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"]}
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_the_budget_counts_what_is_ours(template: dict[str, Any]) -> None:
    """It follows the tag that every resource of ours carries."""
    (budget,) = properties(template, "AWS::Budgets::Budget")
    tag = f"user:{PROJECT_TAG}${PROJECT}"
    assert budget["Budget"]["CostFilters"] == {"TagKeyValue": [tag]}
    tagged = [one for one in template["Resources"].values() if "Tags" in one["Properties"]]
    assert all(one["Properties"]["Tags"] == [{"Key": "project", "Value": PROJECT}] for one in tagged)


def test_runs_have_their_roles_logs_and_secret(template: dict[str, Any], stack: Stack) -> None:
    """Prefect's worker finds its container; the run gets the flow's role, a log, and time to tear down."""
    (task,) = properties(template, "AWS::ECS::TaskDefinition")
    client = stack.client("ecs")
    made = client.describe_task_definition(taskDefinition=stack.outputs["TaskDefinitionFamily"])["taskDefinition"]
    (container,) = made["containerDefinitions"]
    assert (task["RequiresCompatibilities"], task["NetworkMode"]) == (["FARGATE"], "awsvpc")
    assert task["TaskRoleArn"] == {"Fn::GetAtt": ["FlowRole", "Arn"]}
    # Under an init, which passes SIGTERM on, and with all the time that Fargate gives.
    assert (container["name"], container["stopTimeout"]) == ("prefect", 120)
    assert container["linuxParameters"]["initProcessEnabled"] is True
    told = {one["name"]: int(one["value"]) for one in container["environment"]}
    assert told["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] == HEARTBEAT_SECONDS
    assert container["logConfiguration"]["options"]["awslogs-group"] == stack.outputs["RunLogGroup"]
    assert container["secrets"] == [{"name": task_definition.VARIABLE, "valueFrom": EVERYTHING["PrefectSecretArn"]}]
