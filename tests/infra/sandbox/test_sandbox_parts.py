"""The sandbox's pure parts: an endpoint's times, pages of lists, the capacity of an endpoint, a rule's count."""

import io
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from werkzeug.wrappers import Response

from infra.sandbox.faults import Answered, Faults, Rule
from infra.sandbox.sagemaker import listing, masks
from infra.sandbox.sagemaker.invocations import Capacity
from infra.sandbox.sagemaker.lifecycle import NEVER, Fate, Life, Status
from infra.sandbox.sagemaker.sandbox_resources import Settings
from infra.sandbox.wire import Call, Refused


def statuses(life: Life, *moments: float) -> list[Status]:
    return [life.status(moment) for moment in moments]


def names(entries: list[listing.Summary], **parameters: Any) -> list[str]:
    return [entry["EndpointName"] for entry in listing.page(entries, "Endpoint", parameters)[0]]


def entry(name: str, created: float, status: str = "") -> listing.Summary:
    times = {"CreationTime": created, "LastModifiedTime": created + 0.5}
    return {"EndpointName": name, "EndpointStatus": status, **times}


def call(operation: str, name: str = "e", service: str = "sagemaker") -> Call:
    return Call({}, service, operation, "us-east-1", name)


def test_an_endpoint_comes_into_service_and_goes() -> None:
    """Each state holds from its moment on, the first as well as the last."""
    life = Life.born(10.0, 5.0, None)
    assert statuses(life, 10, 14.9, 15, 100) == [Status.CREATING, Status.CREATING, Status.IN_SERVICE, Status.IN_SERVICE]
    life.delete(100.0, 2.0)
    assert statuses(life, 99, 100, 101.9, 102) == [Status.IN_SERVICE, Status.DELETING, Status.DELETING, Status.GONE]


def test_a_fate_decides_how_a_creation_ends() -> None:
    """An ordered failure comes after the usual delay, or its own; an endpoint can stay Creating."""
    assert statuses(Life.born(0.0, 5.0, Fate("why")), 4, 5) == [Status.CREATING, Status.FAILED]
    assert statuses(Life.born(0.0, 5.0, Fate("why", 9.0)), 8, 9) == [Status.CREATING, Status.FAILED]
    assert statuses(Life.born(0.0, 5.0, NEVER), 1e12) == [Status.CREATING]


def test_an_update_ends_in_service() -> None:
    """An update is a change like the creation, from any state that allows one."""
    life = Life.born(0.0, 1.0, Fate("why"))
    life.update(10.0, 5.0)
    assert statuses(life, 10, 15) == [Status.UPDATING, Status.IN_SERVICE]
    assert [life.changed(moment) for moment in (10, 14, 15, 20)] == [10, 10, 15, 15]


def test_changes_are_refused_while_one_is_under_way() -> None:
    """Only an endpoint at rest takes a change: also a failed one, which must be deleted."""
    life = Life.born(0.0, 5.0, Fate("why"))
    assert [life.busy(moment) for moment in (0, 4, 5)] == [True, True, False]
    life.delete(6.0, 5.0)
    assert life.busy(7.0)


def test_lists_are_newest_first_unless_they_say_otherwise() -> None:
    """AWS's default order, and the others."""
    entries = [entry("b", 1, "InService"), entry("a", 2, "Failed"), entry("c", 3, "InService")]
    assert names(entries) == ["c", "a", "b"]
    assert names(entries, SortBy="Name", SortOrder="Ascending") == ["a", "b", "c"]
    assert names(entries, SortBy="Status") == ["c", "b", "a"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"NameContains": "ONE"}, ["one", "bone"]),
        ({"StatusEquals": "Failed"}, ["one"]),
        ({"CreationTimeAfter": 10}, ["two", "one"]),
        ({"CreationTimeBefore": 20}, ["bone"]),
        ({"LastModifiedTimeAfter": 29}, ["two"]),
        ({"LastModifiedTimeBefore": 20.5}, ["bone"]),
    ],
)
def test_filters(filters: dict[str, Any], expected: list[str]) -> None:
    """Names match in any case, times are strictly before or after."""
    entries = [entry("bone", 10, "InService"), entry("one", 20, "Failed"), entry("two", 30, "InService")]
    assert names(entries, **filters) == expected


@pytest.mark.parametrize("order", ["Ascending", "Descending"])
def test_pages_hold_everything_once_though_something_is_deleted(order: str) -> None:
    """A sweep that deletes while it lists must not skip what comes on the next page."""
    entries = [entry(f"e{index:02}", index // 3) for index in range(25)]
    seen: list[str] = []
    token: dict[str, str] = {}
    while True:
        found, following = listing.page(entries, "Endpoint", {"SortOrder": order, "MaxResults": 4, **token})
        seen += [one["EndpointName"] for one in found]
        entries = [one for one in entries if one not in found]
        if following is None:
            break
        token = {"NextToken": following}
    assert sorted(seen) == [f"e{index:02}" for index in range(25)]
    assert seen == sorted(seen, reverse=order == "Descending")


def test_a_page_is_ten_by_default_and_a_hundred_at_most() -> None:
    """Whoever does not paginate loses what AWS would not have sent either."""
    entries = [entry(f"e{index}", index) for index in range(150)]
    assert len(names(entries)) == 10
    assert len(names(entries, MaxResults=1000)) == 100


@pytest.mark.parametrize("token", ["nonsense", "[1", "[]", '{"a": 1}', "3"])
def test_a_strange_token_is_refused(token: str) -> None:
    """A token of another list is the caller's mistake, not a crash."""
    with pytest.raises(Refused):
        listing.page([entry("a", 1)], "Endpoint", {"NextToken": token})


LABELS = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)


@pytest.mark.parametrize(
    ("form", "mode", "values"),
    [
        ("indexed", "P", LABELS),
        ("grey", "L", LABELS),
        ("rgb", "RGB", np.stack([LABELS] * 3, axis=-1)),
        ("16-bit", "I;16", LABELS),
        ("scaled", "L", np.array([[0, 127, 255], [255, 127, 0]])),
    ],
)
def test_masks_take_every_form(form: str, mode: str, values: NDArray[Any]) -> None:
    """Another reader than ours sees the form that was asked for, with the labels in it."""
    file = io.BytesIO()
    Image.fromarray(LABELS).save(file, "PNG")
    image = Image.open(io.BytesIO(masks.converted(file.getvalue(), form)))
    assert image.mode == mode
    assert np.array_equal(np.asarray(image), values)


def test_the_palette_is_pascal_vocs() -> None:
    """Its first colours, as that data set publishes them: black, maroon, green, olive, navy."""
    assert masks.palette()[:15] == [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0, 0, 0, 128]


def room(capacity: Capacity, requests: int, instances: int = 1) -> int:
    """How many of some simultaneous requests get a place."""
    with ExitStack() as held:
        granted = 0
        for _ in range(requests):
            try:
                held.enter_context(capacity.place("e", instances))
            except Refused:
                continue
            granted += 1
    return granted


def test_requests_in_flight_are_limited_an_instance() -> None:
    """Two instances hold twice as many, and a place is free again after its answer."""
    capacity = Capacity(Settings(concurrency=3))
    assert [room(capacity, 10), room(capacity, 10, instances=2), room(capacity, 10)] == [3, 6, 3]


def test_requests_a_second_are_limited_by_a_bucket() -> None:
    """What one second brings can be spent at once; then it fills again, never over its rim."""
    now = 100.0
    clock: Callable[[], float] = lambda: now  # noqa: E731 - reads the time below
    capacity = Capacity(Settings(per_second=4), clock)
    assert room(capacity, 10) == 4
    now += 0.5
    assert room(capacity, 10) == 2
    now += 60
    assert room(capacity, 10) == 4


def test_nothing_is_limited_by_default() -> None:
    """A capacity that nobody set throttles nobody."""
    assert room(Capacity(Settings()), 1000) == 1000


def test_a_rule_lets_pass_then_hits_then_is_spent() -> None:
    """``after`` and ``times`` count the calls that match, and only these."""
    ordered = Rule("CreateEndpoint", "throttling", times=2, after=1, name_contains="ours")
    hits = [ordered.hits(call("CreateEndpoint", name), "CreateEndpoint") for name in ("ours", "other", "ours-2")]
    hits += [ordered.hits(call(operation, "ours"), operation) for operation in ("DeleteEndpoint", "CreateEndpoint")]
    hits.append(ordered.hits(call("CreateEndpoint", "ours"), "CreateEndpoint"))
    assert hits == [False, False, True, False, True, False]


def test_a_rule_for_everything_means_sagemaker() -> None:
    """``*`` spares S3, which tests use to look at what was left."""
    ordered = Rule("*", "internal", times=None)
    services = {"sagemaker": "ListModels", "sagemaker-runtime": "InvokeEndpoint", "s3": "GetObject", "iam": "GetRole"}
    hits = [ordered.hits(call(operation, service=service), operation) for service, operation in services.items()]
    assert hits == [True, True, False, False]


@pytest.mark.parametrize(
    "order",
    [
        {"operation": "CreateEndpoint", "error": "nonsense"},
        {"operation": "CreateEndpoint", "error": "wrong-size"},
        {"operation": "InvokeEndpoint", "error": "capacity"},
        {"operation": "InvokeEndpoint", "error": "hang", "minutes": 3},
        {"error": "hang"},
    ],
)
def test_an_order_that_cannot_be_carried_out_is_refused(order: dict[str, Any]) -> None:
    """A misspelt fault would be a test that cannot fail."""
    with pytest.raises((ValueError, TypeError), match=r"."):
        Rule(**order)


def test_calls_are_kept_with_their_times() -> None:
    """From when they came to when they were answered, the refused ones too, until they are forgotten."""
    moments = iter((1.0, 3.5, 4.0, 4.25))
    faults = Faults(lambda _: Response(), lambda: next(moments))
    faults.order(Rule("InvokeEndpoint", "internal", after=1))
    for _ in range(2):
        faults(call("InvokeEndpoint", service="sagemaker-runtime"))
    assert faults.answered() == [Answered("InvokeEndpoint", "e", 1.0, 3.5), Answered("InvokeEndpoint", "e", 4.0, 4.25)]
    faults.forget()
    assert faults.answered() == []
