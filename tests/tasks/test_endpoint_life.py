"""What a run does with its endpoint in the end, and what its record says of it: nothing better than it is."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from cloud import RUN, Cloud, only, tags_for
from prefect.client.schemas.objects import FlowRun
from prefect.logging import disable_run_logger
from prefect.states import Failed

from flows.flood_extent import flood_extent
from infra.sandbox.client import Sandbox
from tasks.endpoint import EndpointLife, tear_down_endpoint
from tasks.runtime.instance_watch import InstanceWatch
from tasks.services.endpoints.contract import Deployment, EndpointSpec, Instances
from tasks.services.endpoints.sagemaker import sagemaker_endpoint
from tasks.services.endpoints.teardown.teardown import make_client

NAME = f"flood-extent-{'a' * 32}-1"
CREATED = datetime.now(UTC) - timedelta(minutes=30)


def life(used: str = "ml.c5.xlarge", price: float | None = 0.5, **changes: Any) -> EndpointLife:
    """Of an endpoint on two instances, created half an hour ago."""
    spec = EndpointSpec("sagemaker", instance_types=("ml.c5.xlarge", "ml.m5.xlarge"), instance_count=2)
    deployment = Deployment("sagemaker", NAME, facts={"instance_type": used, "instance_count": 2})
    return EndpointLife(spec, NAME, price, {"created": CREATED}, deployment=deployment, **changes)


def test_what_is_gone_is_billed_to_its_end() -> None:
    """Ten minutes of two instances cost what they cost."""
    endpoint = life()
    endpoint.times["gone"] = CREATED + timedelta(minutes=10)
    told = endpoint.to_dict()
    assert (told["minutes_billed"], told["cost"]) == (10, pytest.approx(10 / 60 * 2 * 0.5, abs=1e-4))


def test_it_is_told_how_busy_it_was() -> None:
    """Of the time from its first readiness to its deletion."""
    endpoint = life(busy_seconds=270.0)
    endpoint.times |= {"in_service": CREATED + timedelta(minutes=7), "deleted": CREATED + timedelta(minutes=12)}
    assert endpoint.to_dict()["busy_percent"] == 90.0


def test_what_is_not_gone_is_billed_on() -> None:
    """A refused deletion does not stop the bill, and is not called deleted."""
    told = life(left=("endpoint: failed",)).to_dict()
    assert told["minutes_billed"] >= 30
    assert "deleted" not in told
    assert told["left"] == ["endpoint: failed"]


def test_another_instance_type_has_no_known_price() -> None:
    """The price that was given is not taken for the one that was paid."""
    told = life("ml.m5.xlarge").to_dict()
    assert "cost" not in told
    assert "ml.m5.xlarge" in told["cost_unknown"]


def test_requests_in_flight_follow_the_instances() -> None:
    """More of them are asked for more at once; of one that is there already, likewise, and no more than it serves."""
    found = iter([Instances(2, 3), Instances(3, 3), Instances(1, 1)])
    for name, expected in (("", [10, 12, 5]), (NAME, [8])):
        spec = EndpointSpec("sagemaker", endpoint_name=name, max_instance_count=3)
        endpoint = EndpointLife(spec, NAME, deployment=Deployment("sagemaker", NAME, in_flight=4))
        endpoint.watch = InstanceWatch(lambda: next(found, Instances(2, 2)), 1)
        asked = []
        for _ in expected:
            endpoint.watch.note()
            with disable_run_logger():
                deployment = endpoint.answering()
            asked.append(0 if deployment is None else deployment.in_flight)
        assert asked == expected


def test_what_scaling_added_is_billed() -> None:
    """Two instances for half an hour before the watch, and what it saw from then on, count at the price of each."""
    clock = iter([0.0, 600.0])
    endpoint = life()
    endpoint.watch = InstanceWatch(lambda: Instances(2, 4), 2, clock=lambda: next(clock))
    endpoint.watch.note()
    endpoint.times |= {"in_service": CREATED + timedelta(minutes=7), "gone": CREATED + timedelta(minutes=27)}
    told = endpoint.to_dict()
    assert (told["most_instances"], told["instance_minutes"]) == (4, 2 * 7 + 4 * 10 + 4 * 10)
    assert told["cost"] == pytest.approx(told["instance_minutes"] / 60 * 0.5, abs=1e-4)


def test_what_could_not_be_scaled_is_a_doubt() -> None:
    """It is told with the run, and once more when the run was suspended meanwhile."""
    deployment = Deployment("sagemaker", NAME, facts={"instance_type": "ml.c5.xlarge", "not_scaled": "denied"})
    endpoint = EndpointLife(EndpointSpec("sagemaker"), NAME, deployment=deployment)
    assert endpoint.doubts == ("denied",)
    suspended = EndpointLife(EndpointSpec("sagemaker"), NAME)
    suspended.take_up({"kind": "sagemaker", "name": NAME, "not_scaled": "denied"})
    assert suspended.doubts == ("denied",)


def test_what_never_came_up_is_said_with_its_reason() -> None:
    """No bill is invented for an endpoint that was not deployed."""
    told = EndpointLife(EndpointSpec("sagemaker"), NAME, 0.5, {"created": CREATED}, error="AWS denies it").to_dict()
    assert "minutes_billed" not in told
    assert told["error"] == "AWS denies it"


@pytest.mark.parametrize(
    "spec", [EndpointSpec("sagemaker", endpoint_name=NAME), EndpointSpec("http", url="http://127.0.0.1:9")]
)
def test_one_that_was_there_before_stays(spec: EndpointSpec) -> None:
    """Its end is nobody's: nothing is asked of AWS, the record has no deletion and no bill, whatever it is called."""
    endpoint = EndpointLife(spec, NAME, 0.5, {"asked": CREATED}, deployment=Deployment(spec.kind, NAME))
    endpoint.end()
    endpoint.wait_until_gone()
    asked = CREATED.isoformat(timespec="seconds")
    assert endpoint.to_dict() == {"kind": spec.kind, "name": NAME, "asked": asked}


@pytest.fixture
def cloud(sandbox: Sandbox, aws_settings: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """The local AWS with an endpoint that a run has left behind."""
    for name, value in sandbox.environment.items():
        aws_settings.setenv(name, value)
    made = Cloud(sandbox, make_client())
    made.three(NAME_OF_RUN, tags_for(RUN))
    sandbox.forget_requests()
    yield made
    sagemaker_endpoint._forget()


NAME_OF_RUN = f"flood-extent-{RUN.hex}-1"


@pytest.mark.usefixtures("prefect_api")
@pytest.mark.parametrize(
    ("parameters", "left", "asks"),
    [
        ({"endpoint": "sagemaker", "training_job": "job"}, (), True),
        ({"endpoint": "sagemaker", "endpoint_name": NAME_OF_RUN}, (NAME_OF_RUN,), False),
        ({"endpoint": "http", "endpoint_url": "http://127.0.0.1:9"}, (NAME_OF_RUN,), False),
        ({"endpoint": "sagemaker", "training_job": "job", "dry_run": True}, (NAME_OF_RUN,), False),
        ({}, (NAME_OF_RUN,), False),
    ],
)
def test_the_hook_deletes_what_the_run_deployed_alone(
    cloud: Cloud, parameters: dict[str, Any], left: tuple[str, ...], asks: bool
) -> None:
    """Of a run that failed, crashed or was cancelled, and whose endpoint was there before it, AWS hears nothing."""
    run = FlowRun(id=UUID(RUN.hex), flow_id=uuid4(), parameters=parameters)
    tear_down_endpoint(flood_extent, run, Failed())
    assert cloud.left() == only(*left)
    assert bool(cloud.sandbox.requests()) is asks
