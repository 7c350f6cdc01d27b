"""Endpoints in SageMaker: what is created for a run, and that nothing of it outlives the run."""

import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from cloud import NOTHING, OTHER_RUN, RUN, TRAINING_JOB, Cloud, as_new_process, only, spec, tags_for

from infra.sandbox.client import IMAGE
from tasks.core.errors import EndpointRefused, EndpointUnavailable, FinalError
from tasks.services.endpoints.contract import Deployment
from tasks.services.endpoints.sagemaker import sagemaker_endpoint
from tasks.services.endpoints.sagemaker.creating import Creation
from tasks.services.endpoints.sagemaker.hosting import Host, Waiting, takes_no_key
from tasks.services.endpoints.sagemaker.leases import Lease
from tasks.services.endpoints.sagemaker.sagemaker_endpoint import SageMakerEndpoint, TeardownPatience
from tasks.services.endpoints.teardown import new_resources, teardown
from tasks.services.endpoints.teardown.sagemaker_resources import ENDPOINT, LEASE_TAG, MODEL, resource_name

CREATIONS = ["CreateModel", "CreateEndpointConfig", "CreateEndpoint"]
NAME, SECOND = resource_name(RUN, 1), resource_name(RUN, 2)
Said = list[str]


@pytest.fixture(autouse=True)
def new_process(cloud: Cloud) -> Iterator[None]:
    """What earlier tests held is forgotten, as in a process that has just started."""
    cloud.sandbox.settings(creating_seconds=0.1, deleting_seconds=0.1)
    with as_new_process():
        yield


def deploy(said: Said | None = None, **changes: Any) -> Deployment:
    return SageMakerEndpoint(spec(**changes)).deploy(NAME, (said if said is not None else []).append)


def delete(**patience: float) -> tuple[str, ...]:
    return SageMakerEndpoint(spec(), TeardownPatience(**patience)).delete(NAME)


def test_a_deployment_says_where_it_is(cloud: Cloud) -> None:
    """The name is the run's; the report gets what a person would look for."""
    deployment = deploy(instance_count=2, requests_per_instance=3)
    assert (deployment.name, deployment.in_flight) == (NAME, 6)
    assert deployment.facts == {
        "instance_type": "ml.c5.xlarge",
        "instance_count": 2,
        "training_job": TRAINING_JOB,
        "log_group": f"CloudWatch log group /aws/sagemaker/Endpoints/{NAME}",
    }
    assert cloud.left() == only(NAME)


def test_the_model_is_the_jobs(cloud: Cloud) -> None:
    """Image, artifact, role and network come from the job that trained it."""
    vpc = {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
    cloud.sandbox.add_training_job("closed", vpc_config=vpc, network_isolation=True, volume_kms_key="key-1")
    deploy(training_job="closed")
    job = cloud.client.describe_training_job(TrainingJobName="closed")
    model = cloud.client.describe_model(ModelName=NAME)
    assert model["PrimaryContainer"]["Image"] == IMAGE
    assert model["PrimaryContainer"]["ModelDataUrl"] == job["ModelArtifacts"]["S3ModelArtifacts"]
    assert (model["ExecutionRoleArn"], model["VpcConfig"]) == (job["RoleArn"], vpc)
    assert model["EnableNetworkIsolation"] is True


@pytest.mark.parametrize("instance_type", ["ml.c5.xlarge", "ml.c5d.xlarge", "ml.g4dn.xlarge"])
def test_the_disk_is_encrypted_with_the_jobs_key(cloud: Cloud, instance_type: str) -> None:
    """Whatever the instance: AWS takes a key also for those that come with a disk of their own."""
    cloud.sandbox.add_training_job("keyed", volume_kms_key="key-1")
    deploy(training_job="keyed", instance_types=(instance_type,), instance_count=2)
    config = cloud.client.describe_endpoint_config(EndpointConfigName=NAME)
    variant = config["ProductionVariants"][0]
    assert config["KmsKeyId"] == "key-1"
    assert (variant["ModelName"], variant["InstanceType"], variant["InitialInstanceCount"]) == (NAME, instance_type, 2)


def test_where_aws_takes_no_key_for_the_instance_it_is_left_out(cloud: Cloud) -> None:
    """Such a disk is encrypted all the same, by the instance: asked once more without the key, and it is said."""
    cloud.sandbox.add_training_job("keyed", volume_kms_key="key-1")
    cloud.sandbox.fault("CreateEndpointConfig", "key-refused", times=None)
    said: Said = []
    deploy(said, training_job="keyed", instance_types=("ml.g4dn.xlarge",))
    assert "KmsKeyId" not in cloud.client.describe_endpoint_config(EndpointConfigName=NAME)
    assert any("ml.g4dn.xlarge takes no key for its disk" in words for words in said)
    assert cloud.sandbox.requests()["CreateEndpointConfig"] == 2


@pytest.mark.parametrize(
    ("code", "words", "left_out"),
    [
        ("ValidationException", "KMS key is not supported for NVMe instance storage", True),
        ("ValidationException", "KmsKeyId cannot be used with instance type ml.g5.xlarge", True),
        ("ValidationException", "Encryption keys are not taken for nitro-based instances with local storage", True),
        ("ValidationException", "The KMS key alias/flood does not exist or is disabled", False),
        ("ValidationException", "Value 'x' at 'kmsKeyId' failed to satisfy constraint", False),
        ("ValidationException", "The instance type ml.x9.large is not supported", False),
        ("AccessDeniedException", "not allowed to use the KMS key for this instance type", False),
    ],
)
def test_a_key_that_is_wrong_is_not_left_out(code: str, words: str, left_out: bool) -> None:
    """Only the kind of instance is a reason to go without: else a slip would leave a disk without the owner's key."""
    error = ClientError({"Error": {"Code": code, "Message": words}}, "CreateEndpointConfig")
    assert takes_no_key(error) == left_out


@pytest.mark.parametrize("kind", ["endpoints", "configs", "models"])
def test_all_three_carry_the_tags(cloud: Cloud, kind: str) -> None:
    """A sweep that finds any of them knows whose it is, and until when."""
    deploy(owner="server")
    tags = cloud.tags(kind, NAME)
    assert tags.pop(LEASE_TAG)
    assert tags == {key: value for key, value in tags_for(RUN).items() if key != LEASE_TAG}


def test_a_short_type_gives_way_to_the_next(cloud: Cloud) -> None:
    """AWS had no instance of the first: the second is tried, under the next name, and it is said."""
    cloud.sandbox.fault("CreateEndpoint", "capacity")
    said: Said = []
    deployment = deploy(said)
    assert (deployment.name, deployment.facts["instance_type"]) == (SECOND, "ml.m5.xlarge")
    assert any("InsufficientInstanceCapacity" in words for words in said)
    assert cloud.left() == only(SECOND)


def test_when_all_types_are_short_it_may_be_tried_later(cloud: Cloud) -> None:
    """The types that were tried are named; nothing stays behind."""
    cloud.sandbox.fault("CreateEndpoint", "capacity", times=None)
    with pytest.raises(EndpointUnavailable, match=r"no capacity just now for ml\.c5\.xlarge or ml\.m5\.xlarge"):
        deploy()
    assert delete() == ()
    assert cloud.left() == NOTHING


def test_a_quota_is_final(cloud: Cloud) -> None:
    """Waiting does not help: AWS's words, and where to ask for more."""
    cloud.sandbox.fault("CreateEndpoint", "resource-limit", times=None)
    with pytest.raises(EndpointRefused, match=r"account-level service limit.*Ask for a higher quota"):
        deploy()
    assert cloud.sandbox.requests()["CreateEndpoint"] == 1


def test_a_failed_endpoint_says_why(cloud: Cloud) -> None:
    """AWS's reason and the log group are where a person starts to look."""
    cloud.sandbox.fault("CreateEndpoint", "goes-failed")
    with pytest.raises(EndpointRefused, match=rf"ping health check.*/aws/sagemaker/Endpoints/{NAME}"):
        deploy()
    assert delete() == ()
    assert cloud.left() == NOTHING


def test_an_endpoint_that_does_not_come_up_is_given_up(cloud: Cloud) -> None:
    """Past deploy_minutes the run goes on without it; what cannot be deleted yet is said."""
    cloud.sandbox.fault("CreateEndpoint", "stays-creating", seconds=3)
    with pytest.raises(EndpointUnavailable, match=r"not in service after 0\.0 minutes, as `deploy_minutes` allows"):
        deploy(deploy_minutes=0.01)
    assert delete() == ()
    assert cloud.left() == NOTHING


@pytest.mark.parametrize("operation", CREATIONS)
def test_an_answer_that_is_lost_is_no_failure(cloud: Cloud, operation: str) -> None:
    """The call took effect, its answer was an error: what exists is what was wanted."""
    cloud.sandbox.fault(operation, "after-effect-500")
    assert deploy().name == NAME


@pytest.mark.parametrize("operation", ["DescribeModel", "DescribeEndpointConfig", "DescribeEndpoint"])
def test_a_look_that_fails_is_no_failure(cloud: Cloud, operation: str) -> None:
    """What was created, and costs, is not given up because AWS could not be asked how it is."""
    cloud.sandbox.fault(operation, "access-denied")
    assert deploy().name == NAME


@pytest.mark.parametrize("operation", CREATIONS)
def test_a_refused_creation_leaves_nothing(cloud: Cloud, operation: str) -> None:
    """The permission is named; what was created before goes with the deletion."""
    cloud.sandbox.fault(operation, "access-denied", times=None)
    with pytest.raises(EndpointRefused, match=f"sagemaker:{operation}"):
        deploy()
    assert delete() == ()
    assert cloud.left() == NOTHING


def test_without_the_right_to_tag_nothing_is_created(cloud: Cloud) -> None:
    """A lease that cannot be renewed would end the run in its middle: refused at the start, naming the permission."""
    cloud.sandbox.fault("AddTags", "access-denied", times=None)
    with pytest.raises(EndpointRefused, match=r"nothing was created.*sagemaker:AddTags"):
        deploy()
    assert cloud.left() == NOTHING
    assert "CreateEndpointConfig" not in cloud.sandbox.requests()


@pytest.mark.parametrize("kind", ["model", "endpoint-config"])
def test_without_the_right_to_renew_no_endpoint_is_created(cloud: Cloud, kind: str) -> None:
    """A role may tag what it creates and yet not renew: found out on what costs nothing, which then goes."""
    cloud.sandbox.fault("AddTags", "access-denied", times=None, name_contains=f":{kind}/")
    with pytest.raises(EndpointRefused, match=r"no endpoint was created.*perform: sagemaker:AddTags"):
        SageMakerEndpoint(spec(), TeardownPatience(tags_seconds=0)).deploy(NAME, print)
    assert "CreateEndpoint" not in cloud.sandbox.requests()
    assert delete() == ()
    assert cloud.left() == NOTHING


def test_a_new_tag_may_take_a_moment_to_count(cloud: Cloud) -> None:
    """AWS may judge by tags that it does not know yet: a first denial is not the last word."""
    cloud.sandbox.fault("AddTags", "access-denied", times=2, name_contains=":model/")
    assert deploy().name == NAME


def test_what_a_stopped_attempt_has_left_goes_before_the_next_is_deployed(cloud: Cloud) -> None:
    """A container that was killed before it could tear down, and the run started again: two would be paid for."""
    cloud.three(NAME, tags_for(RUN))
    cloud.sandbox.forget_requests()
    assert deploy().name == SECOND
    assert cloud.left() == only(SECOND)


def test_what_could_not_be_deleted_before_is_after(cloud: Cloud) -> None:
    """AWS refuses while an endpoint is being created: it is asked again when the next one is in service."""
    cloud.three(NAME, tags_for(RUN))
    cloud.sandbox.fault("DeleteEndpoint", "access-denied")
    said: Said = []
    assert deploy(said).name == SECOND
    assert any(f"of an earlier attempt: endpoint {NAME}: failed" in words for words in said)
    assert cloud.left() == only(SECOND)


def test_a_stopped_process_leaves_the_endpoint_of_the_one_that_goes_on(cloud: Cloud) -> None:
    """A stopped container's run may be started elsewhere while it still tears down: that attempt is not its own."""
    deploy()
    cloud.three(SECOND, tags_for(RUN))
    assert delete() == ()
    assert cloud.left() == only(SECOND)


def test_somebody_elses_resource_of_our_name_is_not_used(cloud: Cloud) -> None:
    """Its tags say that it is theirs: it is neither asked nor deleted."""
    cloud.three(NAME)
    deployment = deploy()
    assert deployment.name == SECOND
    assert delete() == ()
    assert cloud.left() == only(NAME)


def test_a_retried_run_does_not_wait_for_its_old_endpoint(cloud: Cloud) -> None:
    """The old one is still Deleting: the new one takes the next name, and both end."""
    cloud.three(NAME, tags_for(RUN))
    cloud.sandbox.settings(deleting_seconds=2)
    cloud.client.delete_endpoint(EndpointName=NAME)
    assert deploy().name == SECOND
    assert delete() == ()
    assert SageMakerEndpoint(spec()).wait_until_gone(NAME, 20) == ()
    assert cloud.sandbox.resources().endpoints == {}


def test_delete_takes_all_attempts_and_no_other_run(cloud: Cloud) -> None:
    """It needs nothing but a name, and may be repeated."""
    for name in (NAME, SECOND):
        cloud.three(name, tags_for(RUN))
    cloud.three(resource_name(OTHER_RUN, 1), tags_for(OTHER_RUN))
    assert (delete(), delete()) == ((), ())
    assert cloud.left() == only(resource_name(OTHER_RUN, 1))


def test_names_that_are_no_runs_are_refused() -> None:
    """A slip in a name must not end in a listing of everything."""
    with pytest.raises(FinalError, match="'flood-extent-' is no name of a run's endpoint"):
        SageMakerEndpoint(spec()).delete("flood-extent-")


def test_what_is_left_is_said(cloud: Cloud) -> None:
    """In AWS's words, for the report; the sweep goes on with it."""
    cloud.three(NAME, tags_for(RUN))
    cloud.sandbox.fault("DeleteEndpoint", "access-denied", times=None)
    left = delete(delete_seconds=1)
    assert "not authorized to perform: sagemaker:DeleteEndpoint" in left[0]


def test_after_the_end_nothing_is_deployed(cloud: Cloud) -> None:
    """A deployment that was waiting for its turn when the run was cancelled must not begin."""
    delete()
    with pytest.raises(EndpointRefused, match="the run is being torn down"):
        deploy()
    assert "CreateModel" not in cloud.sandbox.requests()


def deploying_until(reached: Callable[[], object]) -> Future[Deployment]:
    """A deployment in another thread, once it has got so far."""
    pool = ThreadPoolExecutor(1)
    future = pool.submit(deploy)
    pool.shutdown(wait=False)
    while not reached():
        time.sleep(0.005)
    return future


def deleted_while_deploying(cloud: Cloud, reached: str) -> tuple[str, ...]:
    """What is left by a deletion that begins as soon as deploying has reached a call, and ends it."""
    deploying = deploying_until(lambda: cloud.sandbox.requests().get(reached))
    left = delete()
    refused = deploying.exception(60)
    # None where deploying had ended before this thread got its turn.
    assert refused is None or (isinstance(refused, EndpointRefused) and "torn down" in str(refused))
    return left


@pytest.mark.parametrize("reached", ["DescribeTrainingJob", "ListEndpoints", "AddTags", *CREATIONS])
@pytest.mark.parametrize("slow", [0.0, pytest.param(0.4, marks=pytest.mark.slow)])
def test_delete_while_deploying_leaves_nothing(cloud: Cloud, reached: str, slow: float) -> None:
    """Cancelled at any moment, also in the middle of a call that AWS answers late."""
    if slow:
        cloud.sandbox.fault(reached, "hang", seconds=slow)
    assert deleted_while_deploying(cloud, reached) == ()
    assert cloud.left() == NOTHING


def test_delete_while_waiting_for_service_ends_the_wait_at_once(cloud: Cloud) -> None:
    """The deploying thread does not sleep on, and does not look any more."""
    cloud.sandbox.settings(creating_seconds=2)
    deploying = deploying_until(lambda: NAME in cloud.sandbox.resources().endpoints)
    assert delete() == ()
    with pytest.raises(EndpointRefused, match="torn down"):
        deploying.result(60)
    assert cloud.left() == NOTHING


def test_a_creation_that_aws_answers_after_the_deletion_is_deleted_too(cloud: Cloud) -> None:
    """The deletion found nothing, for nothing was there yet: the thread that created it clears up itself."""
    cloud.sandbox.fault("CreateModel", "hang", seconds=2)
    deploying = deploying_until(lambda: cloud.sandbox.requests().get("CreateModel"))
    assert delete(notice_seconds=0.1) == ()
    with pytest.raises(EndpointRefused, match="torn down"):
        deploying.result(60)
    assert cloud.left() == NOTHING
    assert cloud.sandbox.requests()["DeleteModel"]


@pytest.mark.slow
def test_no_further_attempt_of_a_creation_begins_once_the_run_is_over(cloud: Cloud) -> None:
    """The SDK would try ten times: an error in the middle of the teardown must not become an endpoint after it."""
    cloud.sandbox.fault("CreateEndpoint", "internal", times=None)
    deploying = deploying_until(lambda: cloud.sandbox.requests().get("CreateEndpoint"))
    delete()
    cloud.sandbox.clear_faults()
    with pytest.raises(EndpointRefused, match="torn down"):
        deploying.result(60)
    assert cloud.left() == NOTHING


def test_delete_returns_when_the_deployment_has_ended(cloud: Cloud) -> None:
    """A creation that is under way is waited for: else it would be reported gone before it is there."""
    cloud.sandbox.fault("CreateEndpoint", "hang", seconds=0.7)
    deploying = deploying_until(lambda: cloud.sandbox.requests().get("CreateEndpoint"))
    assert delete() == ()
    assert sagemaker_endpoint._held[RUN].idle.is_set()
    assert isinstance(deploying.exception(60), EndpointRefused)


def test_two_threads_may_delete_at_once(cloud: Cloud) -> None:
    """A signal's handler and the flow's own end."""
    deploy()
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda _: delete(), range(3))) == [(), (), ()]
    assert cloud.left() == NOTHING


def test_an_interrupted_wait_does_not_interrupt_the_deletion(cloud: Cloud) -> None:
    """A second Ctrl-C: the caller is let go, the deletion runs to its end before the process does."""
    cloud.three(NAME, tags_for(RUN))
    cloud.sandbox.fault("DescribeEndpoint", "hang", seconds=0.5)

    def interrupt() -> None:
        while not cloud.sandbox.requests().get("DescribeEndpoint"):
            time.sleep(0.005)
        os.kill(os.getpid(), 2)

    cloud.sandbox.forget_requests()
    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        delete()
    tearing = [thread for thread in threading.enumerate() if thread.name.startswith("teardown")]
    assert len(tearing) == 1
    assert not tearing[0].daemon
    tearing[0].join()
    assert cloud.left() == NOTHING


def test_settings_that_are_missing_are_said_not_raised(aws_settings: pytest.MonkeyPatch) -> None:
    """Teardown runs in a ``finally``: what it raised would hide why the run failed."""
    aws_settings.delenv("AWS_DEFAULT_REGION")
    aws_settings.setenv("AWS_CONFIG_FILE", "/nowhere")
    assert "region" in delete()[0]


def test_a_teardown_is_done_within_half_a_minute() -> None:
    """By its parts: notice, passes, and one call that hangs; whatever else happens, the caller is let go."""
    calls = teardown.CONNECT_SECONDS + teardown.READ_SECONDS
    patience = TeardownPatience()
    assert patience.notice_seconds + patience.delete_seconds + calls <= patience.all_seconds <= 30


def test_a_teardown_that_hangs_lets_its_caller_go(cloud: Cloud) -> None:
    """A name that does not resolve knows no time limit."""
    cloud.three(NAME, tags_for(RUN))
    cloud.sandbox.fault("ListEndpoints", "hang", seconds=1)
    assert delete(all_seconds=0.2) == ("AWS did not answer within 0.2 s",)


def test_a_forked_process_holds_nothing(cloud: Cloud) -> None:
    """What the parent deploys is not the child's to know, nor does a lock of the parent's stop it."""
    deploy()
    assert sagemaker_endpoint._held
    with sagemaker_endpoint._lock:
        child = os.fork()
        if child == 0:
            os._exit(0 if not sagemaker_endpoint._held and sagemaker_endpoint._lock.acquire(timeout=5) else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert cloud.left() == only(NAME)


@pytest.mark.parametrize("operation", CREATIONS)
def test_what_aws_does_not_see_yet_is_waited_for(cloud: Cloud, operation: str) -> None:
    """Descriptions and what builds on it find nothing at first: AWS asks to try again."""
    cloud.sandbox.fault(operation, "stale", calls=4)
    assert deploy().name == NAME
    assert cloud.left() == only(NAME)
    assert delete() == ()
    assert cloud.left() == NOTHING


def test_a_deployment_with_everything_stale_comes_up(cloud: Cloud) -> None:
    """Each of the three is unseen for a second after its creation, also where the answer to it was lost."""
    cloud.sandbox.settings(stale_seconds=1)
    for operation in CREATIONS:
        cloud.sandbox.fault(operation, "after-effect-500")
    said: Said = []
    assert deploy(said).name == NAME
    assert [cloud.sandbox.resources().endpoints[NAME]["status"], len(said) < 12] == ["InService", True]


@pytest.mark.slow
def test_what_aws_never_sees_is_given_up(cloud: Cloud) -> None:
    """In the time that deploying may take, with AWS's own words."""
    cloud.sandbox.fault("CreateModel", "stale", seconds=3600)
    with pytest.raises(EndpointRefused, match=f'Could not find model ".*{NAME}"'):
        deploy(deploy_minutes=0.02)


def test_an_artifact_that_is_missing_is_not_waited_for(cloud: Cloud) -> None:
    """Only what we have just created may be unseen: what the training job names is there, or will not come."""
    refusal = {"Error": {"Code": "ValidationException", "Message": f"Could not find model data at s3://b/{NAME}."}}
    creation = Creation(MODEL, NAME, "arn", cloud.client, lambda _: None, lambda: 1)

    def create() -> None:
        raise ClientError(refusal, "CreateModel")

    with pytest.raises(ClientError, match="model data"):
        creation.attempt(create)


def test_an_endpoint_that_a_lagging_copy_misses_is_waited_for(cloud: Cloud) -> None:
    """Seen once, then not, then again: nobody has deleted it."""
    cloud.sandbox.settings(creating_seconds=1.5)
    cloud.sandbox.fault("DescribeEndpoint", "stale", times=2, after=2)
    assert deploy().name == NAME


def test_an_endpoint_that_somebody_deletes_ends_the_wait(cloud: Cloud) -> None:
    """Whoever deletes it by hand is not waited for until the time of the deployment is over."""
    cloud.sandbox.settings(deleting_seconds=3600)
    cloud.three(NAME, tags_for(RUN))
    cloud.client.delete_endpoint(EndpointName=NAME)
    with pytest.raises(EndpointRefused, match=r"was deleted while it was being created\. Run again"):
        Waiting(waited_by(cloud), NAME, 3600).until_in_service()


@pytest.mark.parametrize(("looks", "ends"), [([True, False, False], True), ([True, False, True, False], False)])
def test_an_endpoint_out_of_sight_for_long_is_gone(cloud: Cloud, looks: list[bool], ends: bool) -> None:
    """Since it was seen last, not since the wait began."""
    waiting = Waiting(waited_by(cloud), NAME, 3600)
    cloud.sandbox.settings(creating_seconds=3600)
    cloud.three(NAME, tags_for(RUN), wait=False)

    gone = pytest.raises(EndpointRefused, match="was deleted while it was being created")
    for number, there in enumerate(looks, 1):
        if not there:
            cloud.sandbox.fault("DescribeEndpoint", "stale")
        with gone if ends and number == len(looks) else nullcontext():
            assert not waiting._is_in_service(40.0 * number)


def waited_by(cloud: Cloud) -> Host:
    lease = Lease(cloud.client, RUN, spec(), lambda _: None)
    return Host(None, cloud.client, lease, lambda: None, time.sleep, lambda: 0, 60.0, lambda _: None)


@pytest.mark.slow
@pytest.mark.parametrize("reached", CREATIONS)
def test_delete_right_after_a_creation_that_is_not_seen_leaves_nothing(cloud: Cloud, reached: str) -> None:
    """That AWS could not find what was created a moment ago proves nothing: it is asked for until it is seen."""
    cloud.sandbox.settings(stale_seconds=2)
    assert deleted_while_deploying(cloud, reached) == ()
    assert cloud.left() == NOTHING


@pytest.mark.slow
def test_an_endpoint_that_stays_unseen_is_never_called_deleted(cloud: Cloud) -> None:
    """It is on the bill: what is left is said, by the deletion and by the wait for the end, until it is seen."""
    cloud.sandbox.fault("CreateEndpoint", "stale", seconds=3600)
    with pytest.raises(EndpointRefused):
        deploy(deploy_minutes=0.02)
    for left in (delete(delete_seconds=1.0), SageMakerEndpoint(spec()).wait_until_gone(NAME, 1)):
        assert f"endpoint {NAME}: cannot be deleted yet (AWS does not see it" in left[0]
    assert NAME in cloud.left()["endpoints"]


def test_an_endpoint_that_was_perhaps_created_is_looked_for_again(cloud: Cloud) -> None:
    """The answer to its creation was lost for good, and AWS does not see it at first: the deletion waits for it."""
    requests = itertools.count()
    creation = Creation(ENDPOINT, NAME, "arn", cloud.client, lambda _: None, lambda: next(requests))

    def create() -> None:
        cloud.sandbox.settings(stale_seconds=2)
        cloud.endpoint(NAME, tags_for(RUN), wait=False)
        raise ReadTimeoutError(endpoint_url="https://api.sagemaker")

    cloud.model(NAME, tags_for(RUN))
    cloud.config(NAME, tags_for(RUN))
    with pytest.raises(ReadTimeoutError):
        creation.attempt(create)
    assert delete() == ()
    assert cloud.left() == NOTHING


def test_a_creation_that_was_refused_is_not_waited_for(cloud: Cloud) -> None:
    """AWS has said no: nothing can be there unseen, and the deletion is done at once."""
    cloud.sandbox.fault("CreateEndpoint", "resource-limit", times=None)
    with pytest.raises(EndpointRefused):
        deploy()
    assert not new_resources.may_be_unseen(ENDPOINT, NAME)
    assert delete(delete_seconds=2.0) == ()


@pytest.mark.usefixtures("cloud")
def test_what_was_deleted_is_not_waited_for() -> None:
    """Its deletion was accepted: that it is not found any more is the end of it."""
    deploy()
    assert delete() == ()
    assert new_resources.unseen_names_of(RUN) == []
    assert SageMakerEndpoint(spec()).wait_until_gone(NAME, 20) == ()
