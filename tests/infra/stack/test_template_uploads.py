"""The stack's part that tells Prefect of finished uploads, down to a real Prefect server.

The simulated AWS knows neither API destinations nor connections, so what is not the event itself is asserted on the
template.
"""

import json
import re
import time
from fnmatch import fnmatchcase
from typing import Any
from uuid import uuid4

import httpx
import pytest
from cloud_stack import ACCOUNT, REGION

LIST = "uploads/brewarrina 2021-04 (north).txt"


@pytest.fixture(scope="module")
def target(template: dict[str, Any]) -> dict[str, Any]:
    """The one target of the rule."""
    (target,) = template["Resources"]["UploadFinished"]["Properties"]["Targets"]
    return dict(target)


def s3_event(key: str = LIST, bucket: str = "frames-2021") -> dict[str, Any]:
    """An event as S3 gives it to EventBridge: the key as it is, not encoded."""
    return {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": ACCOUNT,
        "time": "2026-11-25T01:02:03Z",
        "region": REGION,
        "resources": [f"arn:aws:s3:::{bucket}"],
        "detail": {
            "version": "0",
            "bucket": {"name": bucket},
            "object": {"key": key, "size": 512},
            "reason": "PutObject",
        },
    }


def transformed(target: dict[str, Any], event: dict[str, Any]) -> str:
    """What EventBridge makes of an event: each name in angle brackets becomes the text at its path."""

    def value(found: re.Match[str]) -> str:
        place: Any = event
        for step in target["InputTransformer"]["InputPathsMap"][found[1]].removeprefix("$.").split("."):
            place = place[step]
        return str(place)

    return re.sub(r"<([A-Za-z0-9_-]+)>", value, target["InputTransformer"]["InputTemplate"])


def test_prefect_takes_what_eventbridge_sends(target: dict[str, Any], prefect_server: str) -> None:
    """The body is exactly what the API takes, and a delivery that EventBridge repeats is one event."""
    event, json_body = s3_event(), {"Content-Type": "application/json; charset=utf-8"}
    with httpx.Client(base_url=prefect_server, trust_env=False, timeout=30) as client:
        for _ in range(2):
            answer = client.post("/events", content=transformed(target, event).encode(), headers=json_body)
            assert answer.status_code == 204, answer.text
        wanted = {"filter": {"id": {"id": [event["id"]]}}}
        for _ in range(300):  # it is on its way to the database
            if found := client.post("/events/filter", json=wanted).json()["events"]:
                break
            time.sleep(0.2)
    (taken,) = found
    assert taken["event"] == "flood-extent.upload.finished"
    assert taken["resource"] == {"prefect.resource.id": f"s3://frames-2021/{LIST}"}
    assert taken["payload"] == {"dataset": f"s3://frames-2021/{LIST}"}


def test_the_event_is_one(target: dict[str, Any]) -> None:
    """A list of one event, whose id is EventBridge's: that is what tells a repetition from a second upload."""
    event = s3_event()
    (sent,) = json.loads(transformed(target, event))
    assert (sent["id"], sent["occurred"]) == (event["id"], event["time"])


def test_it_is_there_only_where_it_was_asked_for(template: dict[str, Any]) -> None:
    """Without a server to tell, or buckets to watch, nothing of it is made."""
    ours = {name: one for name, one in template["Resources"].items() if name.startswith("Upload")}
    assert len(ours) == 5
    assert {one["Condition"] for one in ours.values()} == {"TellsUploads"}
    asked = template["Conditions"]["TellsUploads"]["Fn::And"]
    assert asked == [{"Condition": "HasImagery"}, {"Fn::Not": [{"Fn::Equals": [{"Ref": "PrefectUrl"}, ""]}]}]


def test_only_a_list_of_an_upload_is_told(template: dict[str, Any]) -> None:
    """Frames and other files of the imagery's buckets, and other buckets, start nothing."""
    pattern = template["Resources"]["UploadFinished"]["Properties"]["EventPattern"]
    assert (pattern["source"], pattern["detail-type"]) == (["aws.s3"], ["Object Created"])
    assert pattern["detail"]["bucket"] == {"name": {"Ref": "ImageryBuckets"}}
    assert pattern["detail"]["object"] == {"key": [{"wildcard": {"Ref": "UploadLists"}}]}
    lists = template["Parameters"]["UploadLists"]["Default"]
    assert fnmatchcase(LIST, lists)
    assert not any(fnmatchcase(other, lists) for other in ("brewarrina/1.jp2", "notes.txt", "uploads/a.csv"))


def test_eventbridge_may_send_and_do_no_more(template: dict[str, Any]) -> None:
    """The role is EventBridge's, of this account, for this destination."""
    role = template["Resources"]["UploadRole"]["Properties"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "events.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    (policy,) = role["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Action"] == "events:InvokeApiDestination"
    assert statement["Resource"] == {"Fn::GetAtt": ["UploadDestination", "Arn"]}


def test_the_password_is_in_no_template(template: dict[str, Any]) -> None:
    """It is read from its secret when the stack is made, and sent over TLS alone."""
    given = template["Resources"]["UploadConnection"]["Properties"]["AuthParameters"]["BasicAuthParameters"]
    assert given["Password"] == {"Fn::Sub": "{{resolve:secretsmanager:${PrefectPasswordArn}}}"}
    pattern = re.compile(template["Parameters"]["PrefectUrl"]["AllowedPattern"])
    assert pattern.match("https://prefect.example.org")
    assert not any(pattern.match(one) for one in ("http://prefect.example.org", "https://prefect.example.org/"))


def test_an_address_alone_is_refused(template: dict[str, Any]) -> None:
    """Who gives the server has to give name and password: an open server would take anybody's events."""
    asserted = template["Rules"]["WholeServer"]["Assertions"]
    needed = {name for one in asserted for name in re.findall(r"'Ref': '(\w+)'", str(one["Assert"]))}
    assert needed == {"PrefectUser", "PrefectPasswordArn"}


def test_an_event_that_is_lost_raises_the_alarm(template: dict[str, Any], target: dict[str, Any]) -> None:
    """Somebody hears that a map was not made, after the server had time to come back."""
    alarm = template["Resources"]["UploadsNotTold"]["Properties"]
    assert (alarm["MetricName"], alarm["TreatMissingData"]) == ("FailedInvocations", "notBreaching")
    assert alarm["Dimensions"] == [{"Name": "RuleName", "Value": {"Ref": "UploadFinished"}}]
    assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] >= 3600


@pytest.mark.parametrize("lists", ["uploads/*.txt", "*.txt", "2021/*/frames-*.txt"])
def test_keys_of_lists_can_be_chosen(template: dict[str, Any], lists: str) -> None:
    """Only what can be a list of frames, with EventBridge's own wildcards."""
    pattern = re.compile(template["Parameters"]["UploadLists"]["AllowedPattern"])
    assert pattern.match(lists)
    assert not pattern.match(lists.replace(".txt", ".jp2"))
    assert not pattern.match(lists.replace("*", "**", 1))
