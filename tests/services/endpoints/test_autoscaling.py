"""More instances by the load: registered for what a run deploys, and ended with it by whoever ends it."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from cloud import RUN, Cloud, as_new_process, spec, tags_for
from sandbox_calls import invoke

from infra.aws import sweeper
from tasks.core.errors import EndpointRefused
from tasks.runtime.instance_watch import InstanceWatch
from tasks.services.endpoints.contract import NOT_SCALED, Deployment, Instances
from tasks.services.endpoints.endpoint_kinds import endpoint_instances, endpoint_service
from tasks.services.endpoints.sagemaker import sagemaker_endpoint
from tasks.services.endpoints.sagemaker.autoscaling import target_value
from tasks.services.endpoints.sagemaker.sagemaker_endpoint import SageMakerEndpoint
from tasks.services.endpoints.teardown.sagemaker_resources import PROJECT, PROJECT_TAG, RUN_TAG, resource_name
from tasks.services.endpoints.teardown.scalable_targets import SERVICE, target_of
from tasks.services.endpoints.teardown.sweeping import sweep
from tasks.services.endpoints.teardown.teardown import Outcome, delete_named, delete_run, make_client

NAME = resource_name(RUN, 1)
LAPSED = "2024-01-01T00:00:00Z"


@pytest.fixture(autouse=True)
def new_process(cloud: Cloud) -> Iterator[None]:
    """What earlier tests held is forgotten, as in a process that has just started."""
    cloud.sandbox.settings(creating_seconds=0.05, deleting_seconds=0.05)
    with as_new_process():
        yield


@pytest.fixture
def scaling(cloud: Cloud) -> Any:  # noqa: ARG001 - the environment points at it
    """boto3's client for Application Auto Scaling."""
    return make_client(service=SERVICE)


def deploy(**changes: Any) -> Deployment:
    wanted = spec(**{"max_instance_count": 3, **changes})
    return SageMakerEndpoint(wanted).deploy(NAME, lambda _: None)


def register(scaling: Any, name: str = NAME, tags: dict[str, str] | None = None) -> None:
    """A scalable target as a run has it, or with other tags."""
    given = tags_for(RUN) if tags is None else tags
    scaling.register_scalable_target(**target_of(name), MinCapacity=1, MaxCapacity=2, Tags=given)


def targets(cloud: Cloud) -> list[str]:
    return sorted(cloud.sandbox.resources().targets)


def test_an_endpoint_in_service_is_scaled_between_its_counts(cloud: Cloud) -> None:
    """Range, target and tags are those of the run; 4 requests of 5 s are 48 a minute, and half of that is kept to."""
    deployment = deploy(instance_count=1, requests_per_instance=4, predict_seconds=5.0)
    (target,) = [cloud.sandbox.resources().targets[NAME]]
    assert (target["least"], target["most"], target["policies"]) == (1, 3, {NAME: 24.0})
    assert target["tags"].items() >= {PROJECT_TAG: PROJECT, RUN_TAG: str(RUN)}.items()
    assert (deployment.facts["scaling_target"], deployment.in_flight) == (24.0, 5)


@pytest.mark.parametrize(("most", "asks"), [(None, False), (2, False), (3, True)])
def test_only_what_may_grow_is_registered(cloud: Cloud, most: int | None, asks: bool) -> None:
    """Without room above the count there is nothing to scale, and nothing is asked of AWS."""
    cloud.sandbox.forget_requests()
    deploy(instance_count=2, max_instance_count=most)
    assert ("RegisterScalableTarget" in cloud.sandbox.requests()) is asks
    assert targets(cloud) == ([NAME] if asks else [])


@pytest.mark.parametrize("operation", ["RegisterScalableTarget", "PutScalingPolicy"])
@pytest.mark.parametrize("error", ["access-denied", pytest.param("unavailable", marks=pytest.mark.slow)])
def test_without_scaling_the_endpoint_keeps_its_instances(cloud: Cloud, operation: str, error: str) -> None:
    """No right, or no answer: it is deployed all the same, asked for what it serves, and the reason is told."""
    cloud.sandbox.fault(operation, error, times=None)
    deployment = deploy(instance_count=1)
    assert deployment.in_flight == 4
    assert "the endpoint kept its 1 instance" in deployment.facts[NOT_SCALED]
    assert "scaling_target" not in deployment.facts
    assert SageMakerEndpoint(spec(max_instance_count=3)).delete(NAME) == ()
    assert (targets(cloud), cloud.left()["endpoints"]) == ([], [])


@pytest.mark.slow
def test_what_aws_does_not_see_yet_is_asked_again(cloud: Cloud) -> None:
    """A throttled registration, and a policy on a target that is not seen yet, are no reason to go without."""
    cloud.sandbox.fault("RegisterScalableTarget", "throttling")
    cloud.sandbox.fault("PutScalingPolicy", "target-unseen")
    assert NOT_SCALED not in deploy().facts
    assert cloud.sandbox.resources().targets[NAME]["policies"]


def test_the_run_itself_ends_both(cloud: Cloud) -> None:
    """Its teardown deregisters first, and does not lean on AWS for it."""
    deploy()
    cloud.sandbox.settings(deregisters=False)
    assert SageMakerEndpoint(spec(max_instance_count=3)).delete(NAME) == ()
    assert (targets(cloud), cloud.left()["endpoints"]) == ([], [])


def test_a_run_that_is_not_scaled_asks_nothing_of_it(cloud: Cloud) -> None:
    """Whoever has no way to Application Auto Scaling tears down as before."""
    deploy(max_instance_count=None)
    cloud.sandbox.forget_requests()
    assert SageMakerEndpoint(spec()).delete(NAME) == ()
    assert not [name for name in cloud.sandbox.requests() if "Scal" in name]


def test_an_endpoint_goes_though_its_target_cannot(cloud: Cloud, scaling: Any) -> None:
    """The endpoint costs money: a target that AWS does not let go is told, and holds nothing up."""
    cloud.three(NAME, tags_for(RUN))
    register(scaling)
    cloud.sandbox.settings(deregisters=False)
    cloud.sandbox.fault("DeregisterScalableTarget", "internal", times=None)
    steps = {step.kind: step.outcome for step in delete_run(cloud.client, RUN, seconds=0.5, scaling=scaling)}
    assert (steps["scalable target"], cloud.left()["endpoints"]) == (Outcome.FAILED, [])
    cloud.sandbox.clear_faults()
    assert delete_run(cloud.client, RUN, seconds=5, known=[NAME], scaling=scaling)
    assert targets(cloud) == []


def test_somebody_elses_target_stays(cloud: Cloud, scaling: Any) -> None:
    """Name and tags, both: one that only is called like ours is left alone."""
    theirs = {"project": "theirs"}
    cloud.three(NAME, theirs)
    register(scaling, tags=theirs)
    steps = delete_run(cloud.client, RUN, seconds=5, scaling=scaling)
    assert {step.outcome for step in steps} == {Outcome.FOREIGN}
    assert sweep(cloud.client, scaling=scaling) == []
    assert targets(cloud) == [NAME]


@pytest.mark.slow
def test_while_it_grows_it_serves_and_is_deleted_afterwards(cloud: Cloud, scaling: Any) -> None:
    """Updating by its scaling, an endpoint answers; AWS refuses its deletion for so long, and gets asked again."""
    cloud.three(NAME, tags_for(RUN))
    register(scaling)
    cloud.sandbox.settings(creating_seconds=6.0)
    change = {"VariantName": "AllTraffic", "DesiredInstanceCount": 2}
    cloud.client.update_endpoint_weights_and_capacities(EndpointName=NAME, DesiredWeightsAndCapacities=[change])
    assert endpoint_instances(NAME) == Instances(serving=1, billed=2)
    existing = endpoint_service(spec(training_job="", endpoint_name=NAME))
    assert existing.deploy("run", lambda _: None).in_flight == 4
    assert invoke(NAME)["Body"]
    first = delete_named(cloud.client, NAME, scaling=scaling)
    assert [step.outcome for step in first if step.kind == "endpoint"] == [Outcome.WAITING]
    assert targets(cloud) == []
    delete_run(cloud.client, RUN, seconds=20, scaling=scaling)
    assert (targets(cloud), cloud.left()["endpoints"]) == ([], [])


def test_a_lapsed_lease_ends_both(cloud: Cloud, scaling: Any) -> None:
    """The sweep, as a flow or a Lambda, deregisters before it deletes."""
    cloud.three(NAME, tags_for(RUN, lease_until=LAPSED))
    register(scaling)
    cloud.sandbox.settings(deregisters=False)
    assert sweeper.handler({}, None)["left"] == []
    assert (targets(cloud), cloud.left()["endpoints"]) == ([], [])


def test_a_target_that_has_outlived_its_endpoint_goes(cloud: Cloud, scaling: Any) -> None:
    """Whoever deleted the endpoint by another way: the sweep finds what scaled it; a dry run only says so."""
    cloud.three(NAME, tags_for(RUN))
    register(scaling)
    cloud.sandbox.settings(deregisters=False)
    assert [result.reason for result in sweep(cloud.client, scaling=scaling)] == [""]
    cloud.client.delete_endpoint(EndpointName=NAME)
    while cloud.sandbox.resources().endpoints:
        time.sleep(0.02)
    due = [result for result in sweep(cloud.client, scaling=scaling, dry_run=True) if result.reason]
    assert [result.reason for result in due] == ["its endpoint is gone, its scalable target is not"]
    assert targets(cloud) == [NAME]
    assert [result.left for result in sweep(cloud.client, scaling=scaling)] == [[], []]
    assert targets(cloud) == []


def test_a_sweep_that_may_not_look_for_targets_sweeps_on(cloud: Cloud, scaling: Any) -> None:
    """A role that was made before there were any lists endpoints as ever."""
    cloud.three(NAME, tags_for(RUN, lease_until=LAPSED))
    cloud.sandbox.fault("DescribeScalableTargets", "access-denied", times=None)
    (result,) = sweep(cloud.client, scaling=scaling)
    assert (result.failed, cloud.left()["endpoints"]) == ([], [])


def test_a_torn_down_run_registers_nothing(cloud: Cloud) -> None:
    """Whoever is told to stop before AWS registers ends as torn down, not as unscaled, and leaves no target."""
    service = SageMakerEndpoint(spec(max_instance_count=3))

    def stop(line: str) -> None:
        if "is in service" in line:
            sagemaker_endpoint._holding(RUN).ended.set()

    with pytest.raises(EndpointRefused, match="torn down"):
        service.deploy(NAME, stop)
    service.delete(NAME)
    assert (targets(cloud), cloud.left()["endpoints"]) == ([], [])


@pytest.mark.slow
def test_load_adds_instances_and_the_watch_sees_them(cloud: Cloud) -> None:
    """More than the target for three periods: Updating, then more instances, up to the most; all of them are billed."""
    cloud.sandbox.settings(metric_seconds=0.2)
    deploy(instance_count=1, max_instance_count=2, requests_per_instance=1, predict_seconds=30.0)
    watch = InstanceWatch(lambda: endpoint_instances(NAME), 1, seconds=0.02)
    watch.begin()
    end = time.monotonic() + 20
    while watch.serving < 2 and time.monotonic() < end:
        invoke(NAME)
    watch.end()
    assert (watch.serving, watch.most) == (2, 2)
    assert cloud.sandbox.resources().endpoints[NAME]["instances"] == [2]


def test_instance_minutes_are_at_most_too_many() -> None:
    """Between two looks the higher count is taken, and the last one to the end."""
    clock = iter([0.0, 60.0, 120.0, 180.0])
    found = iter([Instances(1, 3), Instances(3, 3), Instances(2, 2)])
    watch = InstanceWatch(lambda: next(found), 1, clock=lambda: next(clock))
    for _ in range(3):
        watch.note()
    assert watch.most == 3
    assert watch.instance_minutes(before=7.0, after=5.0) == 7 + 3 + 3 + 3 + 2 * 2


@pytest.mark.parametrize("failure", [EndpointRefused("denied"), None])
def test_a_look_that_fails_changes_nothing(failure: Exception | None) -> None:
    """What was seen last holds, whether AWS denies the look or the endpoint is gone."""

    def look() -> None:
        if failure is not None:
            raise failure

    watch = InstanceWatch(look, 4)
    watch.note()
    assert (watch.serving, watch.most) == (4, 4)


def test_the_target_leaves_half_the_room() -> None:
    """Twice the requests, or half the time, is twice the target."""
    one = target_value(spec(requests_per_instance=1, predict_seconds=2.0))
    assert one == 15.0
    assert target_value(spec(requests_per_instance=2, predict_seconds=1.0)) == 4 * one


@pytest.mark.parametrize(("instances", "asked"), [(1, 5), (2, 10), (3, 12)])
def test_more_is_asked_than_served_only_while_it_may_grow(instances: int, asked: int) -> None:
    """A quarter more, so that no instance waits; at the most instances, what they serve."""
    assert spec(max_instance_count=3).asked_at_once(instances) == asked
