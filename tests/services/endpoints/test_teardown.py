"""Deleting what a run deployed, by name alone: all of it, nothing else, and within the time given."""

import ast
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from cloud import NOTHING, OTHER_RUN, RUN, Cloud, only, tags_for

from tasks.services.endpoints.teardown import new_resources, teardown
from tasks.services.endpoints.teardown.sagemaker_resources import (
    BATCH_KINDS,
    ENDPOINT,
    KINDS,
    MODEL,
    Kind,
    is_in_progress,
    is_missing,
    resource_name,
    run_of,
)
from tasks.services.endpoints.teardown.teardown import ACCEPTED, DONE, Outcome, delete_named, delete_run, names_of

NAME = resource_name(RUN, 1)


def outcomes(cloud: Cloud, seconds: float = 10, **more: object) -> set[Outcome]:
    return {step.outcome for step in delete_run(cloud.client, RUN, seconds=seconds, **more)}  # type: ignore[arg-type]


def test_the_three_of_a_run_are_deleted(cloud: Cloud) -> None:
    """Endpoint, configuration and model go, and the endpoint's deletion is accepted, not waited for."""
    cloud.three(NAME, tags_for(RUN))
    cloud.sandbox.settings(deleting_seconds=60)
    assert outcomes(cloud) == {Outcome.REQUESTED, Outcome.GONE}
    assert cloud.left() == NOTHING


def test_until_done_waits_for_the_end(cloud: Cloud) -> None:
    """Whoever wants proof gets it: the endpoint is not only on its way."""
    cloud.three(NAME, tags_for(RUN))
    assert outcomes(cloud, until=DONE) <= {Outcome.GONE}
    assert cloud.sandbox.resources().endpoints == {}


@pytest.mark.parametrize("missing", ["endpoints", "endpoints and configs", "models", "all"])
def test_what_is_gone_already_is_no_trouble(cloud: Cloud, missing: str) -> None:
    """A deployment that broke off, or a deletion that did, leaves some of the three."""
    if missing != "all":
        cloud.model(NAME, tags_for(RUN))
    if missing in ("endpoints", "models"):
        cloud.config(NAME, tags_for(RUN))
    if missing == "models":
        cloud.endpoint(NAME, tags_for(RUN))
        cloud.client.delete_endpoint(EndpointName=NAME)
        cloud.client.delete_endpoint_config(EndpointConfigName=NAME)
        cloud.client.delete_model(ModelName=NAME)
    assert outcomes(cloud, known=[NAME]) <= ACCEPTED
    assert cloud.left() == NOTHING


def test_an_endpoint_that_is_being_created_is_waited_for(cloud: Cloud) -> None:
    """AWS refuses to delete it then: the deletion is asked for again until it is accepted."""
    cloud.sandbox.settings(creating_seconds=2.5)
    cloud.three(NAME, tags_for(RUN), wait=False)
    assert outcomes(cloud) <= ACCEPTED
    assert cloud.left() == NOTHING


def test_an_endpoint_that_stays_in_creation_is_reported_and_keeps_its_parts(cloud: Cloud) -> None:
    """What cannot be deleted in the time given is said, and nothing is taken from under it."""
    cloud.sandbox.fault("CreateEndpoint", "stays-creating")
    cloud.three(NAME, tags_for(RUN), wait=False)
    assert outcomes(cloud, seconds=1.5) == {Outcome.WAITING}
    assert cloud.left() == only(NAME)


@pytest.mark.parametrize(
    "name",
    [f"{NAME}-copy", f"flood-extent-{RUN.hex}0-1", f"flood-extent-{RUN.hex[:-1]}-1", f"x{NAME}", f"{NAME[:-1]}0"],
)
def test_tags_alone_do_not_make_it_ours(cloud: Cloud, name: str) -> None:
    """Tags are copied with a click: without the exact form of name, nothing is touched."""
    cloud.three(name, tags_for(RUN))
    assert names_of(cloud.client, RUN) == []
    delete_run(cloud.client, RUN, seconds=5)
    assert cloud.left() == only(name)


@pytest.mark.parametrize(
    "tags",
    [
        {},
        tags_for(RUN, project=None),
        tags_for(RUN, project="flood-extent-2"),
        tags_for(RUN, flow_run_id=None),
        tags_for(OTHER_RUN),
    ],
    ids=["none", "no project", "other project", "no run", "other run"],
)
def test_a_name_alone_does_not_make_it_ours(cloud: Cloud, tags: dict[str, str]) -> None:
    """Without our tags, of this very run, a resource is somebody else's whatever it is called."""
    cloud.three(NAME, tags)
    assert outcomes(cloud) == {Outcome.FOREIGN}
    assert cloud.left() == only(NAME)


def test_all_attempts_of_a_run_and_no_other_run(cloud: Cloud) -> None:
    """A run that tried several instance types leaves nothing; its neighbours in the listing stay."""
    for attempt in (1, 2, 11):
        cloud.three(resource_name(RUN, attempt), tags_for(RUN))
    cloud.three(resource_name(OTHER_RUN, 1), tags_for(OTHER_RUN))
    cloud.three("someones-flood-extent-demo")
    assert names_of(cloud.client, RUN) == [resource_name(RUN, attempt) for attempt in (11, 2, 1)]
    assert outcomes(cloud) <= ACCEPTED
    assert cloud.left() == only(resource_name(OTHER_RUN, 1), "someones-flood-extent-demo")


def test_a_run_is_found_behind_a_hundred_others(cloud: Cloud) -> None:
    """AWS lists a page at a time: what is on the second is deleted as well."""
    for attempt in range(1, 104):
        cloud.model(resource_name(RUN, attempt), tags_for(RUN))
    assert len(names_of(cloud.client, RUN)) == 103


@pytest.mark.parametrize("use", ["config", "model", "pending update"])
def test_what_somebody_elses_endpoint_uses_stays(cloud: Cloud, use: str) -> None:
    """A colleague who built on our model or configuration keeps it; it is said who uses it."""
    cloud.three(NAME, tags_for(RUN))
    if use == "model":
        cloud.config("theirs", model=NAME)
    if use == "pending update":
        cloud.three("theirs")
        cloud.client.update_endpoint(EndpointName="theirs", EndpointConfigName=NAME)
    else:
        cloud.endpoint("theirs", config="theirs" if use == "model" else NAME)
    steps = delete_named(cloud.client, NAME)
    waiting = {step.kind for step in steps if step.outcome is Outcome.WAITING}
    assert waiting == ({"model"} if use == "model" else {"model", "endpoint configuration"})
    assert all("used by endpoint theirs" in step.detail for step in steps if step.outcome is Outcome.WAITING)
    assert NAME in cloud.left()["models"]


@dataclass
class Updating:
    """A client that shows one endpoint as AWS does in an update: its new configuration is only pending."""

    client: Any
    name: str
    pending: str

    def __getattr__(self, operation: str) -> Any:
        return getattr(self.client, operation)

    def describe_endpoint(self, **asked: str) -> dict[str, Any]:
        """As the client, with the pending configuration."""
        described: dict[str, Any] = self.client.describe_endpoint(**asked)
        pending = {"PendingDeploymentSummary": {"EndpointConfigName": self.pending}}
        return described | (pending if asked["EndpointName"] == self.name else {})


def test_what_somebody_elses_endpoint_is_about_to_use_stays(cloud: Cloud) -> None:
    """In an update AWS shows the old configuration, and the new one aside."""
    cloud.model(NAME, tags_for(RUN))
    cloud.config(NAME, tags_for(RUN))
    cloud.three("theirs")
    steps = delete_named(Updating(cloud.client, "theirs", NAME), NAME)
    assert [step.outcome for step in steps] == [Outcome.GONE, Outcome.WAITING, Outcome.WAITING]
    assert NAME in cloud.left()["configs"]


def test_what_was_used_goes_once_it_is_free(cloud: Cloud) -> None:
    """The next pass goes on where the last had to stop."""
    cloud.three(NAME, tags_for(RUN))
    cloud.endpoint("theirs", config=NAME)
    assert Outcome.WAITING in {step.outcome for step in delete_named(cloud.client, NAME)}
    cloud.client.delete_endpoint(EndpointName="theirs")
    assert outcomes(cloud) <= ACCEPTED
    assert cloud.left() == NOTHING


def test_our_look_alike_keeps_what_it_uses(cloud: Cloud) -> None:
    """Somebody else's endpoint of our name, on our configuration: it stays, and so does what it runs on."""
    cloud.model(NAME, tags_for(RUN))
    cloud.config(NAME, tags_for(RUN))
    cloud.endpoint(NAME)
    assert {step.outcome for step in delete_named(cloud.client, NAME)} == {Outcome.FOREIGN, Outcome.WAITING}
    assert cloud.left() == only(NAME)


def batch(cloud: Cloud, **more: object) -> set[Outcome]:
    return outcomes(cloud, kinds=BATCH_KINDS, **more)


def test_a_transform_job_is_stopped_before_its_model_goes(cloud: Cloud) -> None:
    """The request is enough, as for an endpoint; whoever wants proof waits until it is Stopped."""
    cloud.sandbox.settings(deleting_seconds=0.5)
    cloud.sandbox.fault("CreateTransformJob", "stays-creating")
    cloud.model(NAME, tags_for(RUN))
    cloud.transform(NAME, tags_for(RUN))
    assert batch(cloud) == {Outcome.REQUESTED, Outcome.GONE}
    assert (cloud.transforming(), cloud.left()) == ([], NOTHING)
    assert batch(cloud, until=DONE) == {Outcome.GONE}
    assert cloud.sandbox.resources().transforms[NAME]["status"] == "Stopped"


def test_a_stop_that_fails_at_first_is_asked_for_again(cloud: Cloud) -> None:
    """And the model stays until then."""
    cloud.sandbox.fault("CreateTransformJob", "stays-creating")
    cloud.model(NAME, tags_for(RUN))
    cloud.transform(NAME, tags_for(RUN))
    cloud.sandbox.fault("StopTransformJob", "internal", times=1)
    assert {step.outcome for step in delete_named(cloud.client, NAME, kinds=BATCH_KINDS)} == {
        Outcome.FAILED,
        Outcome.WAITING,
    }
    assert cloud.left()["models"] == [NAME]
    assert batch(cloud) <= ACCEPTED
    assert (cloud.transforming(), cloud.left()) == ([], NOTHING)


def test_a_run_with_an_endpoint_needs_no_right_to_transform_jobs(cloud: Cloud) -> None:
    """A role from before there were any tears its endpoints down as ever."""
    cloud.three(NAME, tags_for(RUN))
    for operation in ("ListTransformJobs", "DescribeTransformJob"):
        cloud.sandbox.fault(operation, "access-denied", times=None)
    assert outcomes(cloud) <= ACCEPTED
    assert cloud.left() == NOTHING


def test_two_may_delete_at_once(cloud: Cloud) -> None:
    """The flow's own teardown, its hook and the sweep meet: all end well."""
    cloud.three(NAME, tags_for(RUN))
    with ThreadPoolExecutor(4) as pool:
        results = [pool.submit(outcomes, cloud) for _ in range(4)]
    assert all(result.result() <= ACCEPTED for result in results)
    assert cloud.left() == NOTHING


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        ("DeleteEndpoint", "internal"),
        ("DeleteEndpoint", "access-denied"),
        ("DeleteEndpointConfig", "throttling"),
        ("DeleteModel", "unavailable"),
        ("ListTags", "access-denied"),
        ("*", "internal"),
    ],
)
def test_what_fails_at_first_is_tried_again(cloud: Cloud, operation: str, error: str) -> None:
    """An hour of AWS's, or of whoever sets permissions, may be short."""
    cloud.three(NAME, tags_for(RUN))
    cloud.sandbox.fault(operation, error, times=2)
    assert outcomes(cloud) <= ACCEPTED
    assert cloud.left() == NOTHING


def test_a_refusal_that_lasts_is_told_in_awss_words(cloud: Cloud) -> None:
    """Who reads the report learns which permission is missing."""
    cloud.three(NAME, tags_for(RUN))
    cloud.sandbox.fault("DeleteEndpoint", "access-denied", times=None)
    steps = delete_run(cloud.client, RUN, seconds=1)
    assert steps[0].outcome is Outcome.FAILED
    assert "not authorized to perform: sagemaker:DeleteEndpoint" in str(steps[0])
    assert cloud.left() == only(NAME)


@pytest.mark.parametrize("operation", ["ListEndpoints", "ListEndpointConfigs", "ListModels"])
def test_a_listing_that_is_denied_does_not_hide_the_endpoint(cloud: Cloud, operation: str) -> None:
    """What costs money goes all the same, and the gap is reported."""
    cloud.three(NAME, tags_for(RUN))
    cloud.sandbox.fault(operation, "access-denied", times=None)
    steps = teardown._pass(cloud.client, RUN, ())
    assert Outcome.FAILED in {step.outcome for step in steps}
    assert cloud.left()["endpoints"] == []


def test_what_cannot_be_shown_to_be_free_stays(cloud: Cloud) -> None:
    """Where AWS does not say which endpoints there are, one of them might use our model: it waits for the next pass."""
    cloud.three(NAME, tags_for(RUN))
    cloud.sandbox.fault("ListEndpoints", "access-denied", times=None)
    teardown._pass(cloud.client, RUN, ())
    assert cloud.left() == {**NOTHING, "configs": [NAME], "models": [NAME]}


def test_without_any_listing_the_first_attempt_is_deleted(cloud: Cloud) -> None:
    """Its name is known without asking."""
    cloud.three(NAME, tags_for(RUN))
    for kind in ("Endpoints", "EndpointConfigs", "Models"):
        cloud.sandbox.fault(f"List{kind}", "access-denied", times=None)
    teardown._pass(cloud.client, RUN, ())
    assert cloud.left()["endpoints"] == []


def test_no_call_begins_after_the_time_given(cloud: Cloud) -> None:
    """A hook has half a minute: calls that hang must not add up."""
    cloud.three(NAME, tags_for(RUN))
    cloud.sandbox.fault("*", "hang", times=None, seconds=0.7)
    before = cloud.sandbox.requests()
    steps = delete_run(cloud.client, RUN, seconds=1)
    after = cloud.sandbox.requests()
    assert sum(after.values()) - sum(before.values()) == 2
    assert {step.outcome for step in steps} <= {Outcome.WAITING, Outcome.FAILED}
    assert "no time was left" in " ".join(map(str, steps))


@pytest.mark.parametrize("operation", ["ListEndpoints", "DescribeEndpoint", "DeleteEndpoint"])
def test_a_call_that_hangs_is_given_up_and_made_again(cloud: Cloud, operation: str) -> None:
    """A connection that broke off has no answer to look into: the next pass goes on."""
    cloud.three(NAME, tags_for(RUN))
    cloud.sandbox.fault(operation, "hang", seconds=2)
    hasty = boto3.client("sagemaker", config=Config(read_timeout=0.5, retries={"total_max_attempts": 1}))
    steps = delete_run(hasty, RUN, seconds=20)
    assert {step.outcome for step in steps} <= ACCEPTED
    assert cloud.left() == NOTHING


def test_what_is_known_goes_before_what_is_listed(cloud: Cloud) -> None:
    """Should listing take all the time there is, the endpoint's deletion has been accepted."""
    cloud.three(NAME, tags_for(RUN))
    cloud.sandbox.fault("ListEndpoints", "hang", times=None, seconds=2)
    delete_run(cloud.client, RUN, seconds=1.5, known=[NAME])
    assert cloud.left()["endpoints"] == []


def test_a_hook_is_done_within_half_a_minute() -> None:
    """By the client's own settings: the last call may begin just before the time is over, and hang."""
    assert teardown.CONNECT_SECONDS + teardown.READ_SECONDS <= 10


def test_the_client_asks_once_and_not_for_long(cloud: Cloud) -> None:
    """Its settings are those that the arithmetic of the half minute rests on."""
    config = cloud.client.meta.config
    assert config.retries["total_max_attempts"] == 1
    assert (config.connect_timeout, config.read_timeout) == (teardown.CONNECT_SECONDS, teardown.READ_SECONDS)


def test_an_answer_that_cannot_be_read_is_no_crash(cloud: Cloud, aws_settings: pytest.MonkeyPatch) -> None:
    """Nobody at the address, or somebody who speaks something else: reported, never raised."""
    aws_settings.setenv("AWS_ENDPOINT_URL", f"{cloud.sandbox.url}/_sandbox/health?")
    steps = delete_run(teardown.make_client(), RUN, seconds=1)
    assert steps
    assert {step.outcome for step in steps} <= {Outcome.FAILED, Outcome.WAITING}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.noun)
def test_what_was_just_created_is_not_gone_because_aws_does_not_see_it(cloud: Cloud, kind: Kind) -> None:
    """Asked without knowing its name from elsewhere: it is left until it is seen, and then it goes."""
    cloud.three(NAME, tags_for(RUN))
    cloud.sandbox.fault(f"Describe{kind.key}", "stale", times=None)
    for operation in ("ListEndpoints", "ListEndpointConfigs", "ListModels"):
        cloud.sandbox.fault(operation, "access-denied", times=None)
    new_resources.created(kind, NAME)
    unseen = [step for step in delete_run(cloud.client, RUN, seconds=0.5) if step.kind == kind.noun]
    assert (unseen[0].name, unseen[0].outcome) == (NAME, Outcome.WAITING)
    cloud.sandbox.clear_faults()
    assert outcomes(cloud) <= ACCEPTED
    assert cloud.left() == NOTHING


def test_what_is_not_listed_is_deleted_by_whoever_created_it(cloud: Cloud) -> None:
    """Until AWS lists and describes it, the run has something left."""
    cloud.sandbox.settings(stale_seconds=2)
    cloud.model(NAME, tags_for(RUN))
    new_resources.created(MODEL, NAME)
    assert outcomes(cloud) <= ACCEPTED
    assert cloud.left() == NOTHING


@pytest.mark.parametrize("operation", ["DescribeModel", "ListTags", "DeleteModel"])
def test_what_a_listing_shows_is_not_gone_because_another_copy_misses_it(cloud: Cloud, operation: str) -> None:
    """Also for who did not create it: two answers that contradict each other are no end, the next pass decides."""
    cloud.model(NAME, tags_for(RUN))
    cloud.sandbox.fault(operation, "stale")
    assert outcomes(cloud) <= ACCEPTED
    assert cloud.left() == NOTHING


def test_tags_that_are_not_shown_yet_do_not_make_it_somebody_elses(cloud: Cloud) -> None:
    """What this process has created is its own; after a while tags decide again."""
    cloud.three(NAME)
    new_resources.created(ENDPOINT, NAME)
    assert delete_named(cloud.client, NAME)[0].outcome is Outcome.WAITING
    new_resources.forget()
    assert delete_named(cloud.client, NAME)[0].outcome is Outcome.FOREIGN


def test_a_pass_over_one_name_may_be_repeated(cloud: Cloud) -> None:
    """The sweep calls it again and again."""
    cloud.three(NAME, tags_for(RUN))
    first = delete_named(cloud.client, NAME)
    second = delete_named(cloud.client, NAME)
    assert [step.outcome for step in first] == [Outcome.REQUESTED, Outcome.GONE, Outcome.GONE]
    assert {step.outcome for step in second} <= {Outcome.REQUESTED, Outcome.GONE}


def test_names_are_those_of_runs() -> None:
    """A name and a run belong to each other, both ways."""
    run = uuid4()
    assert run_of(resource_name(run, 12)) == run
    assert len(resource_name(run, 9999)) <= 63


@pytest.mark.parametrize("name", ["", NAME.upper(), f"{NAME}\n", NAME[:-1], f"{NAME[:-1]}00001", "flood-extent-x-1"])
def test_other_names_are_nobodys(name: str) -> None:
    """Near misses do not pass."""
    assert run_of(name) is None


def test_awss_refusals_are_told_apart(cloud: Cloud) -> None:
    """Real answers of the two kinds that count as progress."""
    with pytest.raises(ClientError) as missing:
        cloud.client.describe_model(ModelName="none")
    cloud.sandbox.settings(creating_seconds=60)
    cloud.three("theirs", wait=False)
    with pytest.raises(ClientError) as busy:
        cloud.client.delete_endpoint(EndpointName="theirs")
    assert (is_missing(missing.value), is_in_progress(missing.value)) == (True, False)
    assert (is_missing(busy.value), is_in_progress(busy.value)) == (False, True)


@pytest.mark.parametrize("module", ["new_resources", "sagemaker_resources", "scalable_targets", "teardown", "sweeping"])
def test_the_lambda_needs_nothing_but_boto3(module: str) -> None:
    """What these import, at the top or inside functions, is in the zip or in Lambda's Python."""
    source = Path(str(teardown.__file__)).with_name(f"{module}.py").read_text()
    imported = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            imported.add("." * node.level + str(node.module))
    foreign = {
        name for name in imported if name.partition(".")[0] not in {*sys.stdlib_module_names, "boto3", "botocore"}
    }
    package = "tasks.services.endpoints.teardown"
    ours = ("new_resources", "sagemaker_resources", "scalable_targets", "teardown")
    assert foreign <= {f"{package}.{name}" for name in ours}


def test_seconds_are_honoured_though_nothing_succeeds(cloud: Cloud) -> None:
    """AWS that is down for good is asked in passes, a second apart, and no longer than was said."""
    cloud.sandbox.fault("*", "internal", times=None)
    start = time.monotonic()
    assert outcomes(cloud, seconds=2) <= {Outcome.FAILED, Outcome.WAITING}
    assert time.monotonic() - start >= 1  # more than one pass
