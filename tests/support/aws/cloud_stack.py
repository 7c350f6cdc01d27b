"""The CloudFormation template, deployed on a simulated AWS and asked what has come of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import yaml
from iam_policies import Policies

from infra.aws import package_sweeper

TEMPLATE = Path(package_sweeper.__file__).with_name("template.yaml")
REGION, ACCOUNT = "ap-southeast-2", "123456789012"
TRAINER = f"arn:aws:iam::{ACCOUNT}:role/trainer"
DATA_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0b3e8e5c-0000-4000-8000-000000000000"
# Parameters that switch on all that is optional.
EVERYTHING = {
    "ImageryBuckets": "frames-2021,frames-2022",
    "CreateKmsKey": "true",
    "DataKmsKeyArns": DATA_KEY,
    "ModelBucket": "models",
    "ModelPrefix": "segmentation/",
    "ExecutionRoleArns": TRAINER,
    "ModelsUseVpc": "true",
    "AlarmEmail": "gis@example.org",
    "MonthlyBudget": "50",
    "ImageRepositoryArn": f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/flood-extent",
    "PrefectSecretArn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:prefect-AbCdEf",
    "SweepMinutes": "5",
}


@dataclass(frozen=True)
class Stack:
    """A deployed stack.

    Attributes:
        url: Of the simulated AWS.
        name: Of the stack.
        digest: SHA-256 of the sweeper's zip.
        resources: Physical names by logical ones, of what the simulation made.
        outputs: What the stack tells who deployed it.
    """

    url: str
    name: str
    digest: str
    resources: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """boto3's, for the simulated AWS."""
        secrets = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, **secrets)

    def policies(self, role: str) -> Policies:
        """All inline policies of a role, by its logical name."""
        iam, name = self.client("iam"), self.resources[role]
        names = iam.list_role_policies(RoleName=name)["PolicyNames"]
        documents = [iam.get_role_policy(RoleName=name, PolicyName=one)["PolicyDocument"] for one in names]
        # moto prints those that stand inside a role in Python's notation; YAML reads both.
        parsed = [yaml.safe_load(one) if isinstance(one, str) else one for one in documents]
        return Policies([statement for document in parsed for statement in document["Statement"]])


def deploy(url: str, folder: Path, parameters: Mapping[str, str]) -> Stack:
    """The sweeper's zip uploaded and the stack created, under fresh names."""
    stack = Stack(url, f"flood-{uuid4().hex[:8]}", package_sweeper.package(folder / "sweeper.zip"))
    code = {"SweeperCodeBucket": f"code-{stack.name}", "SweeperCodeKey": "sweeper.zip"}
    _upload(stack, folder / "sweeper.zip", code["SweeperCodeBucket"])
    given = {**parameters, **code, "Image": "flood-extent:1"}
    stack.client("cloudformation").create_stack(
        StackName=stack.name,
        TemplateBody=TEMPLATE.read_text(),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    return _described(stack)


def _upload(stack: Stack, file: Path, bucket: str) -> None:
    place = {"LocationConstraint": REGION}
    stack.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
    stack.client("s3").upload_file(str(file), bucket, file.name)


def _described(stack: Stack) -> Stack:
    client = stack.client("cloudformation")
    answer = client.describe_stack_resources(StackName=stack.name)["StackResources"]
    # What moto does not simulate has neither type nor name.
    made = [one for one in answer if "LogicalResourceId" in one]
    told = client.describe_stacks(StackName=stack.name)["Stacks"][0]["Outputs"]
    return replace(
        stack,
        resources={one["LogicalResourceId"]: one.get("PhysicalResourceId", "") for one in made},
        outputs={one["OutputKey"]: one["OutputValue"] for one in told},
    )
