"""Runs whose predictions a transform job makes: the same map as by an endpoint, and nothing left, however they end."""

import pytest
from cloud_runs import JOB, SIGNALS, CloudRuns, client_of

from tasks.services.endpoints.sagemaker.batch.transform_job import log_group

pytestmark = pytest.mark.slow

WORK = "s3://flood-work/tiles"


@pytest.fixture
def in_s3(cloud: CloudRuns) -> CloudRuns:
    """A cloud with a bucket to work in."""
    cloud.sandbox.create_bucket("flood-work")
    return cloud


def arguments(cloud: CloudRuns, *more: str) -> list[str]:
    """Of a run by a transform job."""
    job = ("--endpoint", "batch", "--training-job", JOB, "--work-directory", WORK)
    return ["run", str(cloud.scene.dataset), *job, *more]


def keys_below(cloud: CloudRuns, prefix: str) -> list[str]:
    found = client_of(cloud.sandbox, "s3").list_objects_v2(Bucket="flood-work", Prefix=prefix)
    return [one["Key"] for one in found.get("Contents", ())]


def test_a_batch_maps_what_an_endpoint_maps(in_s3: CloudRuns) -> None:
    """Polygon for polygon; one job is started, no endpoint, and the record tells what it was and how long it took."""
    assert in_s3.run()[0] == 0
    in_real_time = in_s3.command.record()
    in_s3.sandbox.forget_requests()
    status, said = in_s3.command(*arguments(in_s3, "--output", "batch"))
    assert status == 0, said
    record = in_s3.command.record(output="batch")
    assert record["content_hash"] == in_real_time["content_hash"]
    requests = in_s3.sandbox.requests()
    assert requests["CreateTransformJob"] == 1
    assert not {"CreateEndpoint", "InvokeEndpoint"} & requests.keys()
    endpoint = record["endpoint"]
    assert (endpoint["kind"], endpoint["images"], endpoint["images_answered"]) == ("batch", 6, 6)
    assert endpoint["log_group"] == log_group(endpoint["name"])
    assert endpoint["created"] <= endpoint["in_service"] <= endpoint["deleted"] <= endpoint["gone"]
    assert in_s3.everything() == in_s3.others


def test_images_that_are_not_answered_cost_their_tiles(in_s3: CloudRuns) -> None:
    """The product is written with the rest, each failed tile has AWS's reason; the next run asks for these alone."""
    in_s3.sandbox.fault("CreateTransformJob", "records-fail", calls=2)
    status, said = in_s3.command(*arguments(in_s3))
    assert status == 2, said
    record = in_s3.command.record()
    failed = [tile for tile in record["tiles"] if tile["state"] == "failed"]
    assert [(tile["stage"], "See job logs" in tile["error"]) for tile in failed] == [("predict", True)] * 2
    assert in_s3.everything() == in_s3.others
    assert in_s3.command(*arguments(in_s3))[0] == 0
    endpoint = in_s3.command.record()["endpoint"]
    assert endpoint["images"] == 2
    assert not keys_below(in_s3, f"tiles/batch/{endpoint['name']}/")


def test_a_work_directory_on_this_machine_is_refused(in_s3: CloudRuns) -> None:
    """Before anything is prepared or created."""
    status, said = in_s3.command(*arguments(in_s3)[:-1], "work")
    assert status == 64, said
    assert "--endpoint batch needs --work-directory on s3://, not 'work'" in said
    assert not {"CreateModel", "CreateTransformJob"} & in_s3.sandbox.requests().keys()


def test_an_interrupted_run_stops_its_job(in_s3: CloudRuns) -> None:
    """The job is stopped and its model deleted before the command ends."""
    in_s3.sandbox.fault("CreateTransformJob", "stays-creating")
    process = in_s3.command.start(*arguments(in_s3))
    in_s3.wait_for(in_s3.transforming)
    process.send_signal(SIGNALS["SIGTERM"][0])
    said = process.communicate(timeout=120)[0]
    assert process.returncode == SIGNALS["SIGTERM"][1], said
    assert not in_s3.transforming()
    in_s3.wait_until_clean()


def test_a_killed_run_is_swept(in_s3: CloudRuns) -> None:
    """Its job goes on until the lease has lapsed, and then the sweep stops it."""
    in_s3.sandbox.fault("CreateTransformJob", "stays-creating")
    process = in_s3.command.start(*arguments(in_s3))
    in_s3.wait_for(in_s3.transforming)
    process.kill()
    process.communicate(timeout=60)
    assert "1 kept" in in_s3.sweep()[1]
    assert in_s3.transforming()
    in_s3.let_leases_lapse()
    assert "its lease lapsed" in in_s3.sweep_until_clean()
    in_s3.wait_until_clean()
