"""What a run's record says of its endpoint: nothing better than it is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tasks.endpoint import EndpointLife
from tasks.services.endpoints.contract import Deployment, EndpointSpec

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


def test_what_never_came_up_is_said_with_its_reason() -> None:
    """No bill is invented for an endpoint that was not deployed."""
    told = EndpointLife(EndpointSpec("sagemaker"), NAME, 0.5, {"created": CREATED}, error="AWS denies it").to_dict()
    assert "minutes_billed" not in told
    assert told["error"] == "AWS denies it"
