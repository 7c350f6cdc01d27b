"""The main job on SageMaker: faults of single tiles, what is refused at once, and what it leaves."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pyogrio
import pytest
from cloud_runs import JOB, CloudRuns, client_of, files_below
from command_line import CommandLine
from many_tiles import make_tiles
from prefect_aws import AwsCredentials

from flows.server.local_server import using
from infra.sandbox.client import REGION

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzzz1"  # noqa: S105 - made up, to look for it afterwards
KEY_ID, TOKEN = "AKIAZZZZZZZZZZZZZZZ1", "FwoGZXIvYXdzEZZZZZZZZZZZZZZ1"
pytestmark = pytest.mark.slow

RECORD = "maps/demo_flood/run.json"
PASSING_FAULTS = ["model-error-500", "unavailable", "internal"]


def test_the_report_tells_the_endpoints_life(cloud: CloudRuns) -> None:
    """Created, in service, deleted, verified gone; minutes, and the cost where a price was given."""
    assert cloud.run("--instance-hour-price", "0.24", "--instance-count", "2")[0] == 0
    endpoint = cloud.command.record()["endpoint"]
    assert endpoint["created"] <= endpoint["in_service"] <= endpoint["deleted"] <= endpoint["gone"]
    assert endpoint["cost"] == pytest.approx(endpoint["minutes_billed"] / 60 * 0.24 * 2, abs=0.0002)
    assert (endpoint["instance_type"], endpoint["instance_count"], endpoint["training_job"]) == ("ml.c5.xlarge", 2, JOB)
    report = (cloud.command.folder / "out" / "demo_flood" / "report.md").read_text()
    assert "minutes\\_billed" in report


def test_probabilities_in_chips_give_the_same_extent(cloud: CloudRuns) -> None:
    """Asked how sure it is, in four requests a tile and more, the endpoint maps the same, and each polygon says it."""
    assert cloud.run("--calibration", "70")[0] == 0
    in_one = cloud.command.record()
    cloud.sandbox.forget_requests()
    status, said = cloud.run("--calibration", "70", "--confidence", "on", "--chip-px", "256")
    assert status == 0, said
    assert cloud.command.record()["content_hash"] == in_one["content_hash"]
    assert cloud.sandbox.requests()["InvokeEndpoint"] >= 4 * 6
    package = cloud.command.folder / "out" / "demo_flood" / "flood_extent.gpkg"
    confidence = pyogrio.raw.read(package, layer="flood_extent", columns=["conf_mean"])[3][0]
    assert ((confidence >= 0) & (confidence <= 1)).all()
    assert confidence.max() > 0.5


def test_a_scaled_run_maps_the_same_and_leaves_nothing(cloud: CloudRuns) -> None:
    """Neither endpoint nor what scales it is left, and more instances change nothing in the map."""
    assert cloud.run("--calibration", "70")[0] == 0
    expected = cloud.command.record()["content_hash"]
    cloud.sandbox.settings(metric_seconds=0.2)
    cloud.sandbox.forget_requests()
    status, said = cloud.run("--calibration", "70", "--max-instance-count", "2", "--work-directory", "anew")
    assert status == 0, said
    record = cloud.command.record()
    assert record["content_hash"] == expected
    assert (record["endpoint"]["scaling_target"], record["warnings"]) == (24.0, [])
    asked = cloud.sandbox.requests()
    assert [asked[f"{verb}ScalableTarget"] for verb in ("Register", "Deregister")] == [1, 1]
    assert cloud.everything() == cloud.others


def test_a_run_that_may_not_scale_goes_on_and_says_so(cloud: CloudRuns) -> None:
    """The product is whole, with the reason among the warnings of its record and in the log."""
    cloud.sandbox.fault("RegisterScalableTarget", "access-denied", times=None)
    status, said = cloud.run("--max-instance-count", "2")
    assert status == 0, said
    (warning,) = [one for one in cloud.command.record()["warnings"] if "max_instance_count" in one]
    assert "application-autoscaling:RegisterScalableTarget" in warning
    assert "`max_instance_count` had no effect" in cloud.log()
    assert cloud.everything() == cloud.others


def test_a_remembered_run_deploys_nothing(cloud: CloudRuns) -> None:
    """Answers of the same training job are remembered: the second run costs nothing."""
    assert cloud.run()[0] == 0
    cloud.sandbox.forget_requests()
    assert cloud.run()[0] == 0
    assert not {"CreateModel", "CreateEndpoint", "InvokeEndpoint"} & cloud.sandbox.requests().keys()
    assert [tile["cached"] for tile in cloud.command.record()["tiles"]] == [["prepare", "predict", "extract"]] * 6


@pytest.mark.parametrize("error", ["throttling", *PASSING_FAULTS])
def test_a_passing_fault_costs_no_tile(cloud: CloudRuns, error: str) -> None:
    """What may pass is retried, and every tile is answered."""
    cloud.sandbox.fault("InvokeEndpoint", error, times=3)
    status, said = cloud.run()
    assert status == 0, said
    assert cloud.sandbox.requests()["InvokeEndpoint"] > 6


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("model-error-400", ["400"]),
        ("access-denied", ["to perform: sagemaker:InvokeEndpoint"]),
        ("wrong-size", ["the model must not resize its answer"]),
    ],
)
def test_a_final_fault_costs_that_tile_alone(cloud: CloudRuns, error: str, words: list[str]) -> None:
    """What will not pass fails one tile with AWS's own words; the product is written with the rest."""
    cloud.sandbox.fault("InvokeEndpoint", error, after=1)
    status, said = cloud.run()
    assert status == 2, said
    record = cloud.command.record()
    failed = [tile["error"] for tile in record["tiles"] if tile["state"] == "failed"]
    assert record["counts"]["done"] == 5
    assert len(failed) == 1
    assert all(part in failed[0] for part in [*words, "/aws/sagemaker/Endpoints/flood-extent-"]), failed
    assert cloud.everything() == cloud.others


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("mask-rgb", "8-bit RGB"),
        ("mask-16-bit", "16-bit grey"),
        ("mask-scaled", "the mask holds the label 127"),
        ("wrong-size", "the model must not resize its answer"),
    ],
)
def test_a_first_answer_of_the_wrong_format_is_the_only_one_paid_for(cloud: CloudRuns, error: str, words: str) -> None:
    """The run ends after one request, red, with that answer's error on every tile, and the endpoint gone."""
    cloud.sandbox.fault("InvokeEndpoint", error, times=None)
    status, said = cloud.run()
    assert status == 1, said
    assert words in said
    assert cloud.sandbox.requests()["InvokeEndpoint"] == 1
    assert cloud.everything() == cloud.others
    (record,) = (json.loads(path.read_bytes()) for path in (cloud.command.folder / "work" / "runs").rglob("*.json"))
    assert {(tile["state"], tile["stage"], words in tile["error"]) for tile in record["tiles"]} == {
        ("failed", "predict", True)
    }


def test_a_wrong_format_after_good_answers_costs_its_tiles(cloud: CloudRuns) -> None:
    """A model that has answered well is asked on: two bad answers cost two tiles."""
    cloud.sandbox.fault("InvokeEndpoint", "mask-rgb", times=2, after=1)
    status, said = cloud.run()
    assert status == 2, said
    assert cloud.command.record()["counts"]["done"] == 4
    assert cloud.sandbox.requests()["InvokeEndpoint"] == 6


def test_labels_are_kept_in_one_form(cloud: CloudRuns) -> None:
    """Whether the endpoint answers indexed or grey, the masks in the work directory are the same bytes."""
    kept = []
    for form in ("indexed", "grey"):
        cloud.sandbox.settings(masks=form)
        assert cloud.run("--work-directory", form, "--output", f"out-{form}")[0] == 0
        masks = (cloud.command.folder / form / "cache" / "predict").glob("*.png")
        kept.append({path.name: path.read_bytes() for path in masks})
    assert kept[0] == kept[1] != {}


@pytest.fixture(scope="session")
def many_tiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 small frames side by side, half of each water."""
    return make_tiles(tmp_path_factory.mktemp("many") / "two_hundred", 200)


@pytest.mark.parametrize("limits", [{"concurrency": 4}, {"per_second": 10}, {"concurrency": 3, "per_second": 20}])
def test_throttling_costs_no_tile_and_few_requests(
    cloud: CloudRuns, many_tiles: Path, limits: dict[str, float]
) -> None:
    """200 tiles against an endpoint that throttles: none fails, with less than 20 % more requests than tiles."""
    cloud.sandbox.settings(**limits)
    status, said = cloud.command("run", many_tiles, "--endpoint", "sagemaker", "--training-job", JOB)
    assert status == 0, said
    assert cloud.command.record("two_hundred")["counts"]["done"] == 200
    assert cloud.sandbox.requests()["InvokeEndpoint"] < 240


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--training-job", "nobody"], "there is no training job 'nobody'"),
        (["--training-job", "unfinished"], "training job 'unfinished' is InProgress"),
        (["--training-job", "other"], "not of the semantic segmentation algorithm"),
        (
            ["--requests-per-instance", "1", "--predict-seconds", "60", "--max-endpoint-minutes", "10"],
            "--max-endpoint-minutes",
        ),
        (["--instance-type", "c5.xlarge"], "--instance-type"),
    ],
)
def test_what_cannot_end_well_costs_nothing(cloud: CloudRuns, options: list[str], words: str) -> None:
    """A wrong job, or a run too long for its endpoint, is refused before anything is created."""
    cloud.sandbox.add_training_job("unfinished", status="InProgress")
    cloud.sandbox.add_training_job("other", image="123456789012.dkr.ecr.us-east-1.amazonaws.com/xgboost:1")
    status, said = cloud.run(*options)
    assert status == 64, said
    assert words in said
    assert not {"CreateModel", "CreateEndpoint"} & cloud.sandbox.requests().keys()


def test_no_credential_is_written_anywhere(cloud: CloudRuns, prefect_server: str) -> None:
    """With everything in S3, and AWS quoting a signed request, no secret is in any file, object, line or record."""
    client_of(cloud.sandbox, "s3").create_bucket(Bucket="flood")
    cloud.sandbox.fault("InvokeEndpoint", "bad-signature")
    cloud.sandbox.fault("PutObject", "unavailable", times=2)
    settings = {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": TOKEN}
    places = ["--output", "s3://flood/maps", "--work-directory", "s3://flood/work"]
    status, said = cloud.command(*cloud.arguments(*places, "--log-storage-directory", "s3://flood/logs"), **settings)
    assert status == 2, said
    record = json.loads(client_of(cloud.sandbox, "s3").get_object(Bucket="flood", Key=RECORD)["Body"].read())
    assert "The Canonical String for this request" in str(record["tiles"])
    known = "".join(
        httpx.post(f"{prefect_server}/{what}/filter", json={}, timeout=30, trust_env=False).text
        for what in ("flow_runs", "task_runs", "flow_run_states", "logs", "artifacts", "events")
    )
    written = said + files_below(cloud.command.folder) + objects(cloud, "flood") + known
    assert not [word for word in (SECRET, KEY_ID, TOKEN) if word in written]


def objects(cloud: CloudRuns, bucket: str) -> str:
    client = client_of(cloud.sandbox, "s3")
    keys = [item["Key"] for item in client.list_objects_v2(Bucket=bucket)["Contents"]]
    bodies = [client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys]
    return "\n".join(body.decode(errors="replace") for body in bodies)


@pytest.mark.parametrize(("options", "expected"), [([], "AES256"), (["--kms-key", "alias/flood"], "aws:kms")])
def test_what_is_written_to_s3_is_encrypted(cloud: CloudRuns, options: list[str], expected: str) -> None:
    """Product, log, work files and results are encrypted: by the bucket's default, or by the key that is given."""
    client = client_of(cloud.sandbox, "s3")
    client.create_bucket(Bucket="flood")
    places = [
        "--output",
        "s3://flood/maps",
        "--work-directory",
        "s3://flood/work",
        "--log-storage-directory",
        "s3://flood/l",
    ]
    status, said = cloud.run(*places, *options)
    assert status == 0, said
    keys = [item["Key"] for item in client.list_objects_v2(Bucket="flood")["Contents"]]
    assert {key.split("/")[0] for key in keys} == {"maps", "work", "l"}
    assert any(key.startswith("work/cache/records/") for key in keys)
    assert {client.head_object(Bucket="flood", Key=key)["ServerSideEncryption"] for key in keys} == {expected}


def test_the_demo_on_sagemaker_needs_nothing_but_the_sandbox(command: CommandLine) -> None:
    """One command goes from S3 to S3 over an endpoint, leaves nothing, and maps what the local demo maps."""
    status, said = command("demo", "--endpoint", "sagemaker")
    assert status == 0, said
    assert "left in SageMaker: 0 endpoints, 0 endpoint configurations, 0 models" in said
    assert command("demo")[0] == 0
    places = [command.folder / place / "demo_flood" / "run.json" for place in ("demo-sagemaker", "demo")]
    hashes: list[Any] = [json.loads(place.read_bytes())["content_hash"] for place in places]
    assert hashes[0] == hashes[1]


def test_the_demo_touches_no_real_account(command: CommandLine) -> None:
    """Whatever profile and endpoint the environment names, the demo's clients see the sandbox alone."""
    status, said = command(
        "demo",
        "--endpoint",
        "sagemaker",
        "--width",
        "200",
        AWS_PROFILE="not-there",
        AWS_ENDPOINT_URL="http://127.0.0.1:9",
    )
    assert status == 0, said
    assert "left in SageMaker: 0 endpoints" in said


def test_credentials_may_come_from_a_block(cloud: CloudRuns, prefect_server: str) -> None:
    """A run whose environment has no credentials uses those of the Prefect block that it names, and shows none."""
    name = f"flood-{uuid4().hex[:8]}"
    with using(prefect_server):
        AwsCredentials(aws_access_key_id=KEY_ID, aws_secret_access_key=SECRET, region_name=REGION).save(name)
    without = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
    status, said = cloud.command(*cloud.arguments(), **without)
    assert (status, "credentials" in said) == (64, True), said
    status, said = cloud.command(*cloud.arguments("--aws-block", name), **without)
    assert status == 0, said
    assert cloud.command.record()["parameters"]["aws_block"] == name
    assert SECRET not in said + files_below(cloud.command.folder)
    assert cloud.everything() == cloud.others


def test_labels_map_the_classes_of_a_training_job(cloud: CloudRuns) -> None:
    """A class that is ignored counts as not assessed; the answers to other maps are not taken for these."""
    assert cloud.run()[0] == 0
    observed_ha = cloud.command.record()["totals"]["observed_ha"]
    assert cloud.run("--labels", "3", "1")[0] == 0
    totals = cloud.command.record()["totals"]
    assert totals["observed_ha"] < 0.9 * observed_ha
    assert totals["observed_ha"] + totals["not_assessed_ha"] == pytest.approx(observed_ha, rel=0.01)
