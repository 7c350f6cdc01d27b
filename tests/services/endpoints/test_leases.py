"""The lease: renewed while its process lives, by AWS's clock, never past the cap, and softly."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cloud import RUN, Cloud, spec, tags_for
from processes import wait_until

from tasks.services.endpoints.sagemaker import leases
from tasks.services.endpoints.sagemaker.leases import AwsClock, Lease
from tasks.services.endpoints.teardown.sagemaker_resources import CAP_TAG, LEASE_TAG, OWNER_TAG, resource_name
from tasks.services.endpoints.teardown.sweeping import read_lease, sweep

NAME = resource_name(RUN, 1)
ARN = f"arn:aws:sagemaker:us-east-1:123456789012:model/{NAME}"
# A lease of three seconds, renewed twice a second.
SHORT = 0.05


@pytest.fixture
def said() -> list[str]:
    """What a lease has said."""
    return []


@pytest.fixture
def begin(cloud: Cloud, said: list[str]) -> Iterator[Callable[..., Lease]]:
    """Begins a lease of the model NAME, which ends with the test."""
    begun: list[Lease] = []

    def start(**changes: Any) -> Lease:
        lease = Lease(cloud.client, RUN, spec(**{"lease_minutes": SHORT, **changes}), said.append)
        begun.append(lease)
        lease.hold(ARN)
        lease.begin()
        return lease

    yield start
    for lease in begun:
        lease.end()


def until(cloud: Cloud) -> datetime:
    lease = read_lease(cloud.tags("models", NAME)[LEASE_TAG])
    assert lease is not None
    return lease


def test_the_tag_moves_on(cloud: Cloud, begin: Callable[..., Lease]) -> None:
    """Again and again: a run that is longer than its first lease keeps its endpoint."""
    cloud.model(NAME, tags_for(RUN, lease_until="2024-01-01T00:00:00Z"))
    begin()
    assert wait_until(lambda: until(cloud) > datetime.now(UTC))
    first = until(cloud)
    assert wait_until(lambda: until(cloud) > first)
    assert sweep(cloud.client)[0].reason == ""


def test_other_tags_stay(cloud: Cloud, begin: Callable[..., Lease]) -> None:
    """A renewal changes the lease alone: without the others it would be nobody's."""
    tags = tags_for(RUN, lease_until="2024-01-01T00:00:00Z")
    cloud.model(NAME, tags)
    begin()
    assert wait_until(lambda: until(cloud) > datetime.now(UTC))
    assert {**cloud.tags("models", NAME), LEASE_TAG: ""} == {**tags, LEASE_TAG: ""}


def test_it_never_goes_past_the_cap(cloud: Cloud) -> None:
    """A run that hangs renews for ever, and to no avail."""
    lease = Lease(cloud.client, RUN, spec(lease_minutes=30.0, max_minutes=10), print)
    start = lease.clock.now()
    first = read_lease(lease.tags()[LEASE_TAG])
    lease.clock.answered += timedelta(minutes=9)
    second = read_lease(lease.tags()[LEASE_TAG])
    assert first == second
    assert second is not None
    assert second <= start + timedelta(minutes=10, seconds=1)


def test_awss_clock_counts_not_this_machines(cloud: Cloud, begin: Callable[..., Lease]) -> None:
    """A laptop that is a day ahead would keep its orphans for a day."""
    cloud.model(NAME, tags_for(RUN))
    lease = begin()
    lease.clock.answered += timedelta(days=1)
    assert wait_until(lambda: abs(lease.clock.now() - datetime.now(UTC)) < timedelta(seconds=5))
    assert wait_until(lambda: until(cloud) < datetime.now(UTC) + timedelta(minutes=1))


def test_an_answer_without_a_date_leaves_the_clock_alone() -> None:
    """This machine's time must not come in by the back door."""
    clock = AwsClock()
    clock.answered -= timedelta(days=1)
    for answer in ({}, {"ResponseMetadata": {"HTTPHeaders": {"date": "yesterday"}}}):
        clock.set_by(answer)
    assert clock.now() < datetime.now(UTC) - timedelta(hours=23)


@pytest.mark.parametrize("error", ["access-denied", "internal", "throttling"])
def test_a_renewal_that_fails_is_said_and_tried_again(
    cloud: Cloud, begin: Callable[..., Lease], said: list[str], error: str
) -> None:
    """AWS may have a bad minute: the run goes on, and so do the renewals."""
    cloud.model(NAME, tags_for(RUN, lease_until="2024-01-01T00:00:00Z"))
    cloud.sandbox.fault("AddTags", error, times=2)
    begin()
    assert wait_until(lambda: until(cloud) > datetime.now(UTC))
    assert len(said) == 2
    assert f"the lease of {ARN} was not renewed, and will be tried again" in said[0]


def test_nothing_stops_the_renewals_but_the_end(cloud: Cloud) -> None:
    """A log that is closed already raises in the renewing thread, and must not kill the run's endpoint."""
    cloud.model(NAME, tags_for(RUN, lease_until="2024-01-01T00:00:00Z"))
    cloud.sandbox.fault("AddTags", "internal", times=1)

    def closed(_: str) -> None:
        raise ValueError("I/O operation on closed file")

    lease = Lease(cloud.client, RUN, spec(lease_minutes=SHORT), closed)
    lease.hold(ARN)
    lease.begin()
    assert wait_until(lambda: until(cloud) > datetime.now(UTC))
    lease.end()


def test_it_ends_when_told(cloud: Cloud, begin: Callable[..., Lease]) -> None:
    """After teardown nothing is renewed, nor complained of."""
    cloud.model(NAME, tags_for(RUN))
    lease = begin()
    assert wait_until(lambda: cloud.sandbox.requests().get("AddTags", 0))
    lease.end()
    assert wait_until(lambda: not lease._thread.is_alive())


def test_what_was_let_go_is_not_renewed(cloud: Cloud, begin: Callable[..., Lease], said: list[str]) -> None:
    """An attempt that was given up, for want of instances, is deleted: renewing it would only fill the log."""
    other = resource_name(RUN, 2)
    cloud.model(other, tags_for(RUN, lease_until="2024-01-01T00:00:00Z"))
    lease = begin()
    lease.hold(ARN.replace(NAME, other))
    lease.let_go(NAME)
    assert wait_until(lambda: cloud.tags("models", other)[LEASE_TAG] > "2025")
    before = len(said)
    assert wait_until(lambda: cloud.sandbox.requests()["AddTags"] > 3)
    assert len(said) == before


def test_the_first_tags_say_all_that_a_sweep_needs(cloud: Cloud) -> None:
    """Project, run, owner, lease and cap are there from the first second."""
    tags = Lease(cloud.client, RUN, spec(owner="server", max_minutes=90), print).tags()
    assert {key: value for key, value in tags.items() if key != LEASE_TAG} == {
        key: value for key, value in tags_for(RUN, max_endpoint_minutes="90").items() if key != LEASE_TAG
    }
    assert tags[CAP_TAG] == "90"


def test_a_run_of_no_known_server_has_no_owner(cloud: Cloud) -> None:
    """AWS refuses empty values less often than people misread them."""
    assert OWNER_TAG not in Lease(cloud.client, RUN, spec(), print).tags()


def test_several_renewals_may_fail_before_it_lapses() -> None:
    """Half an hour, renewed every five minutes."""
    assert leases.RENEWALS_A_LEASE == 6


def test_at_the_cap_the_run_deletes_by_itself(cloud: Cloud, said: list[str]) -> None:
    """Without any sweep, a run that lives longer than its endpoint may have it deleted, once."""
    reached: list[str] = []
    lease = Lease(
        cloud.client, RUN, spec(lease_minutes=SHORT, max_minutes=0), said.append, lambda: reached.append("cap")
    )
    lease.tags()
    lease.begin()
    assert wait_until(lambda: reached)
    time.sleep(1)
    assert reached == ["cap"]
    assert "max_endpoint_minutes" in said[0]
