"""The sweep: what nobody needs goes, what somebody may need stays, whatever the tags say."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from botocore.exceptions import ClientError
from cloud import NOTHING, OTHER_RUN, RUN, Cloud, only, tags_for
from hypothesis import given
from hypothesis import strategies as st

from tasks.services.endpoints.teardown.sagemaker_resources import (
    CAP_TAG,
    LEASE_TAG,
    OWNER_TAG,
    PROJECT,
    PROJECT_TAG,
    RUN_TAG,
    resource_name,
)
from tasks.services.endpoints.teardown.sweeping import Attempt, HasEnded, nobody_knows, read_lease, sweep, write_lease
from tasks.services.endpoints.teardown.teardown import delete_named

NAME, OTHER = resource_name(RUN, 1), resource_name(OTHER_RUN, 1)
LAPSED = "2024-01-01T00:00:00Z"
NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)


def in_minutes(minutes: float) -> str:
    return write_lease(datetime.now(UTC) + timedelta(minutes=minutes))


def ended(owner: str, run: UUID) -> bool:
    """A Prefect server called ``server`` that knows one run, and says that it has ended."""
    return owner == "server" and run == RUN


def reasons(cloud: Cloud, **settings: Any) -> list[str]:
    return [verdict.reason for verdict in sweep(cloud.client, **settings)]


@pytest.mark.parametrize("lease", [LAPSED, in_minutes(-1)], ids=["long ago", "a minute ago"])
def test_a_lapsed_lease_is_the_end(cloud: Cloud, lease: str) -> None:
    """A run that no longer renews is dead, however it died."""
    cloud.three(NAME, tags_for(RUN, lease_until=lease))
    assert reasons(cloud)[0].startswith("its lease lapsed at")
    assert cloud.left() == NOTHING


def test_a_living_lease_keeps_everything(cloud: Cloud) -> None:
    """A run at work is not disturbed."""
    cloud.three(NAME, tags_for(RUN))
    assert reasons(cloud) == [""]
    assert cloud.left() == only(NAME)


def test_past_the_cap_it_goes_whatever_its_lease_says(cloud: Cloud) -> None:
    """A lease can be renewed for ever by a run that hangs; age cannot."""
    cloud.three(NAME, tags_for(RUN, max_endpoint_minutes=None))
    assert reasons(cloud, max_minutes=240) == [""]
    time.sleep(1.1)  # AWS tells its time in whole seconds
    assert reasons(cloud, max_minutes=0.0001) == ["it is older than 0.0001 minutes"]
    assert cloud.left() == NOTHING


@pytest.mark.parametrize(("cap", "goes"), [("60", True), ("61", False), ("1440", False)])
def test_its_own_cap_beats_the_sweeps(cap: str, goes: bool) -> None:
    """A run that was allowed more, or less, by its parameters gets it from a sweep that does not know them."""
    assert bool(an_hour_old(cap).reason_to_go(NOW, 30 if not goes else 240, nobody_knows)) == goes


@pytest.mark.parametrize("cap", [None, "", "garbage", "0", "-5", "999999999999", "1441", "inf"])
def test_a_cap_that_no_run_writes_counts_for_nothing(cap: str | None) -> None:
    """Neither does it end a running endpoint, nor keep one for ever, nor stop the sweep."""
    attempt = an_hour_old(cap)
    assert attempt.reason_to_go(NOW, 240, nobody_knows) == ""
    assert attempt.reason_to_go(NOW, 30, nobody_knows) == "it is older than 30 minutes"


def an_hour_old(cap: str | None) -> Attempt:
    """An attempt, a second more than an hour old at NOW, with a living lease."""
    created = NOW - timedelta(hours=1, seconds=1)
    attempt = Attempt(NAME, RUN, created)
    lease = write_lease(NOW + timedelta(minutes=30))
    attempt.add({"CreationTime": created}, tags_for(RUN, lease_until=lease, max_endpoint_minutes=cap))
    return attempt


@pytest.mark.parametrize("lease", [None, "", "garbage", "2024-01-01", "0001-01-01T00:00:00+2359"])
def test_a_lease_that_cannot_be_read_is_no_reason(cloud: Cloud, lease: str | None) -> None:
    """Who edits tags by hand must not lose a running endpoint: its age, or its run's end, decides."""
    cloud.three(NAME, tags_for(RUN, lease_until=lease))
    assert reasons(cloud) == [""]
    assert reasons(cloud, has_ended=ended) == ["its run has ended"]


def test_the_latest_of_three_leases_counts(cloud: Cloud) -> None:
    """A renewal reaches one resource after the other, and may miss one."""
    cloud.model(NAME, tags_for(RUN, lease_until=LAPSED))
    cloud.config(NAME, tags_for(RUN, lease_until="garbage"))
    cloud.endpoint(NAME, tags_for(RUN))
    assert reasons(cloud) == [""]


def test_only_what_is_tagged_is_judged(cloud: Cloud) -> None:
    """Of three with one name, the untagged is somebody else's, and stays with what it uses."""
    cloud.model(NAME, tags_for(RUN, lease_until=LAPSED))
    cloud.config(NAME)
    cloud.endpoint(NAME)
    assert reasons(cloud)[0].startswith("its lease lapsed")
    assert cloud.left() == only(NAME)


def test_an_ended_run_gives_up_its_endpoint_at_once(cloud: Cloud) -> None:
    """The server that owns the run was asked: no need to wait for the lease."""
    cloud.three(NAME, tags_for(RUN))
    assert reasons(cloud, has_ended=ended) == ["its run has ended"]
    assert cloud.left() == NOTHING


@pytest.mark.parametrize(("run", "owner"), [(RUN, "another server"), (RUN, None), (RUN, ""), (OTHER_RUN, "server")])
def test_who_does_not_know_the_run_is_not_believed(cloud: Cloud, run: UUID, owner: str | None) -> None:
    """Another server's run looks just like a deleted one: the lease alone decides."""
    cloud.three(resource_name(run, 1), tags_for(run, owner=owner))
    assert reasons(cloud, has_ended=ended) == [""]


def test_nobody_to_ask_means_the_lease_decides(cloud: Cloud) -> None:
    """The Lambda, and a sweep whose server is away, know of no run that it has ended."""
    cloud.three(NAME, tags_for(RUN))
    cloud.three(OTHER, tags_for(OTHER_RUN, lease_until=LAPSED))
    sweep(cloud.client, has_ended=nobody_knows)
    assert cloud.left() == only(NAME)


def test_a_dry_run_deletes_nothing(cloud: Cloud) -> None:
    """It says what would go, and asks for no deletion."""
    cloud.three(NAME, tags_for(RUN, lease_until=LAPSED))
    verdicts = sweep(cloud.client, dry_run=True)
    assert "would be deleted" in str(verdicts[0])
    assert not any(operation.startswith("Delete") for operation in cloud.sandbox.requests())


def test_an_orphaned_model_is_found(cloud: Cloud) -> None:
    """A deployment that broke off before there was an endpoint leaves crumbs."""
    cloud.model(NAME, tags_for(RUN, lease_until=LAPSED))
    cloud.model(OTHER, tags_for(OTHER_RUN, lease_until=LAPSED))
    cloud.config(OTHER, tags_for(OTHER_RUN, lease_until=LAPSED))
    assert [verdict.name for verdict in sweep(cloud.client)] == sorted([NAME, OTHER])
    assert cloud.left() == NOTHING


@pytest.mark.parametrize(("lease", "left"), [(LAPSED, []), (None, [NAME])], ids=["lapsed", "living"])
def test_a_transform_job_is_stopped_as_an_endpoint_is_deleted(cloud: Cloud, lease: str | None, left: list[str]) -> None:
    """By the same rules, and its model goes with it."""
    tags = tags_for(RUN) if lease is None else tags_for(RUN, lease_until=lease)
    cloud.sandbox.fault("CreateTransformJob", "stays-creating")
    cloud.model(NAME, tags)
    cloud.transform(NAME, tags)
    assert [bool(verdict.reason) for verdict in sweep(cloud.client)] == [not left]
    assert (cloud.transforming(), cloud.left()["models"]) == (left, left)


def test_jobs_that_have_ended_are_not_looked_at(cloud: Cloud) -> None:
    """AWS lists them for good: a sweep that judged each would take longer every day, for nothing."""
    cloud.model(NAME, tags_for(RUN, lease_until=LAPSED))
    cloud.transform(NAME, tags_for(RUN, lease_until=LAPSED))
    cloud.wait_until(lambda: not cloud.transforming())
    cloud.client.delete_model(ModelName=NAME)
    cloud.sandbox.forget_requests()
    assert sweep(cloud.client) == []
    assert "ListTags" not in cloud.sandbox.requests()


def test_somebody_elses_transform_job_goes_on(cloud: Cloud) -> None:
    """Ours by name alone, or by tags alone, is not ours."""
    cloud.sandbox.fault("CreateTransformJob", "stays-creating", times=None)
    for name, tags in ((NAME, {"project": PROJECT}), (f"{OTHER}-copy", tags_for(OTHER_RUN, lease_until=LAPSED))):
        cloud.model(name)
        cloud.transform(name, tags)
    assert sweep(cloud.client) == []
    assert cloud.transforming() == sorted([NAME, f"{OTHER}-copy"])


def test_a_role_that_may_not_list_transform_jobs_sweeps_all_else_first(cloud: Cloud) -> None:
    """One from before there were any: the endpoint goes all the same, and the refusal is raised then."""
    cloud.three(NAME, tags_for(RUN, lease_until=LAPSED))
    cloud.sandbox.fault("ListTransformJobs", "access-denied", times=None)
    with pytest.raises(ClientError, match="ListTransformJobs"):
        sweep(cloud.client)
    assert cloud.left() == NOTHING


def test_others_resources_are_not_even_judged(cloud: Cloud) -> None:
    """Names like ours without our tags, and our tags under other names, appear in no verdict."""
    cloud.three(NAME, {"project": PROJECT})
    cloud.three(f"{OTHER}-copy", tags_for(OTHER_RUN, lease_until=LAPSED))
    cloud.three("flood-extent-of-somebody-else")
    assert sweep(cloud.client) == []
    assert cloud.left() == only(NAME, f"{OTHER}-copy", "flood-extent-of-somebody-else")


@pytest.mark.parametrize("operation", ["ListTags", "DescribeEndpoint", "DescribeModel", "DeleteEndpoint"])
def test_resources_may_vanish_while_it_looks(cloud: Cloud, operation: str) -> None:
    """Its run, or another sweep, deletes at the same time."""
    cloud.three(NAME, tags_for(RUN, lease_until=LAPSED))
    cloud.sandbox.settings(deleting_seconds=0)
    client = Vanishing(cloud, operation)
    assert all(verdict.failed == [] for verdict in sweep(client))
    assert cloud.left() == NOTHING


class Vanishing:
    """A client before whose first call of one operation somebody else deletes everything."""

    def __init__(self, cloud: Cloud, operation: str) -> None:
        self._cloud, self._method = cloud, "".join(f"_{c.lower()}" if c.isupper() else c for c in operation)[1:]

    def __getattr__(self, method: str) -> Callable[..., Any]:
        if method == self._method:
            self._method = ""
            delete_named(self._cloud.client, NAME)
        answer: Callable[..., Any] = getattr(self._cloud.client, method)
        return answer


@pytest.mark.parametrize("error", ["internal", "throttling"])
@pytest.mark.parametrize("operation", ["ListEndpoints", "ListTags", "DescribeModel", "DeleteEndpoint"])
def test_what_fails_at_first_is_swept_all_the_same(cloud: Cloud, operation: str, error: str) -> None:
    """The next sweep is a quarter of an hour away, and the alarm rings for what lasts."""
    cloud.three(NAME, tags_for(RUN, lease_until=LAPSED))
    cloud.sandbox.fault(operation, error)
    assert [verdict.failed for verdict in sweep(cloud.client)] == [[]]
    assert cloud.left() == NOTHING


@pytest.mark.slow
def test_one_resource_that_cannot_be_read_does_not_save_the_others(cloud: Cloud) -> None:
    """Somebody's look-alike whose tags we may not read is reported, and stays; the orphan beside it goes."""
    cloud.three(NAME, tags_for(RUN, lease_until=LAPSED))
    cloud.three(OTHER, tags_for(OTHER_RUN, lease_until=LAPSED))
    cloud.sandbox.fault("ListTags", "access-denied", times=None, name_contains=OTHER)
    unread, swept = sorted(sweep(cloud.client), key=lambda verdict: verdict.name)
    assert "sagemaker:ListTags" in str(unread)
    assert unread.failed
    assert swept.failed == []
    assert cloud.left() == only(OTHER)


def test_a_refused_listing_is_raised(cloud: Cloud) -> None:
    """A sweep that sees nothing must not look like one that found nothing."""
    cloud.sandbox.fault("ListModels", "access-denied", times=None)
    with pytest.raises(ClientError, match="ListModels"):
        sweep(cloud.client)


def test_a_refused_deletion_is_told_from_one_that_waits(cloud: Cloud) -> None:
    """The first rings the alarm; the second is for the next sweep."""
    cloud.three(NAME, tags_for(RUN, lease_until=LAPSED))
    cloud.sandbox.settings(creating_seconds=60)
    cloud.three(OTHER, tags_for(OTHER_RUN, lease_until=LAPSED), wait=False)
    cloud.sandbox.fault("DeleteEndpoint", "access-denied", times=None, name_contains=NAME)
    failing = {verdict.name: (bool(verdict.failed), bool(verdict.left)) for verdict in sweep(cloud.client)}
    assert failing == {NAME: (True, True), OTHER: (False, True)}


@given(st.datetimes(timezones=st.timezones() | st.just(UTC)))
def test_a_lease_is_read_as_it_was_written(until: datetime) -> None:
    """To the second, in UTC, whatever the zone of the machine; what the calendar cannot hold is no lease."""
    try:
        in_utc = until.astimezone(UTC).replace(microsecond=0)
    except OverflowError:
        return
    if in_utc.year >= 1000:
        assert read_lease(write_lease(in_utc)) == in_utc


moments = st.datetimes(datetime(2023, 1, 1), datetime(2025, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - given a zone
lease_tags = st.one_of(
    st.none(),
    moments.map(write_lease),
    st.sampled_from([NOW, NOW - timedelta(seconds=1), NOW + timedelta(seconds=1)]).map(write_lease),
    moments.map(lambda moment: moment.astimezone(timezone(timedelta(hours=10))).strftime("%Y-%m-%dT%H:%M:%S%z")),
    st.text(max_size=30),
)
cap_tags = st.one_of(st.none(), st.integers(-10, 3000).map(str), st.text(max_size=8))


def oracle(created: datetime, leases: list[str | None], cap: str | None, minutes: float, *, over: bool) -> bool:
    """Rules (a) and (b) of the teardown, plainly: lapsed, too old, or its run is known to be over."""
    alive = [lease for lease in map(_plainly, leases) if lease is not None]
    if alive and all(lease < NOW for lease in alive):
        return True
    own = int(cap) if cap is not None and _is_count(cap) and 1 <= int(cap) <= 1440 else minutes
    return (NOW - created).total_seconds() > own * 60 or over


def _is_count(text: str) -> bool:
    try:
        int(text)
    except ValueError:
        return False
    return True


def _plainly(text: str | None) -> datetime | None:
    """By another parser; forms that are not ours count for nothing."""
    try:
        moment = datetime.fromisoformat(text or "")
        return moment if write_lease(moment.astimezone(UTC)) == text or "+1000" in (text or "") else None
    except (ValueError, OverflowError):
        return None


@given(
    age=st.timedeltas(timedelta(0), timedelta(days=3)),
    leases=st.lists(lease_tags, min_size=1, max_size=3),
    cap=cap_tags,
    minutes=st.integers(1, 1440),
    over=st.booleans(),
    owner=st.sampled_from(["server", "another", ""]),
)
def test_the_reason_to_go_follows_the_rules(
    age: timedelta, leases: list[str | None], cap: str | None, minutes: int, *, over: bool, owner: str
) -> None:
    """For any tags, ages and answers of the server: it goes exactly where the rules say so, and nothing raises."""
    attempt = Attempt(NAME, RUN, NOW - age)
    tags = {PROJECT_TAG: PROJECT, RUN_TAG: str(RUN), OWNER_TAG: owner} | ({CAP_TAG: cap} if cap is not None else {})
    for lease in leases:
        attempt.add({"CreationTime": NOW - age}, tags | ({LEASE_TAG: lease} if lease is not None else {}))
    has_ended: HasEnded = lambda asked, _: over and asked == "server"  # noqa: E731
    reason = attempt.reason_to_go(NOW, minutes, has_ended)
    assert bool(reason) == oracle(NOW - age, leases, cap, minutes, over=over and owner == "server")


def test_the_oldest_of_three_counts_for_age() -> None:
    """An endpoint may come half an hour after its model."""
    attempt = Attempt(NAME, RUN, NOW)
    attempt.add({"CreationTime": NOW - timedelta(minutes=11)}, tags_for(RUN, max_endpoint_minutes="10"))
    attempt.add({"CreationTime": NOW}, tags_for(RUN, max_endpoint_minutes="10"))
    assert attempt.reason_to_go(NOW, 240, nobody_knows) == "it is older than 10 minutes"


@pytest.mark.parametrize(("minutes", "overdue"), [(240, False), (-121, True)])
def test_what_waits_for_hours_counts_as_failed(cloud: Cloud, minutes: float, overdue: bool) -> None:
    """An endpoint that AWS cannot delete yet is left to the next sweep; hours past its cap somebody must be told."""
    cloud.sandbox.fault("CreateEndpoint", "stays-creating")
    cloud.three(NAME, tags_for(RUN, lease_until="2024-01-01T00:00:00Z"), wait=False)
    (verdict,) = sweep(cloud.client, max_minutes=minutes)
    assert verdict.left
    assert bool(verdict.failed) == overdue
