"""Whether AWS would let a run have its endpoint: each verdict, on a local AWS that can refuse and hang."""

import threading
from typing import Any

import boto3
import pytest
from cloud import NOTHING, TRAINING_JOB, Cloud, join_threads, spec

from infra.sandbox.client import IMAGE, TRAINING_BUCKET
from infra.sandbox.client import ROLE as ROLE_NAME
from tasks.core.tiles.plan import Finding, Verdict
from tasks.services.endpoints.sagemaker import endpoint_quotas
from tasks.services.endpoints.sagemaker.readiness import ARTIFACT, QUOTA, ROLE, CallLimits, Readiness, within
from tasks.services.endpoints.sagemaker.readiness import TRAINING_JOB as JOB

OK, PROBLEM, UNKNOWN, WARNING = Verdict.OK, Verdict.PROBLEM, Verdict.UNKNOWN, Verdict.WARNING
# A hanging call costs a test this long, twice.
SHORT = CallLimits(job_seconds=30, other_seconds=30, read_seconds=0.5)
HANGS = 2.0
OPERATIONS = {ARTIFACT: "HeadObject", ROLE: "GetRole", QUOTA: "ListServiceQuotas"}
KEY = f"{TRAINING_JOB}/output/model.tar.gz"


def findings(**changes: Any) -> dict[str, Finding]:
    """All that is found out, by name."""
    readiness = Readiness(spec(**changes), SHORT)
    trained, job = readiness.find_model()
    assert trained is not None, job
    return {finding.name: finding for finding in (job, *readiness.of_model(trained))}


@pytest.mark.usefixtures("cloud")
def test_all_is_well() -> None:
    """Job, artifact, role and quota allow a run, and each says what was found."""
    found = findings()
    assert list(found) == [JOB, ARTIFACT, ROLE, QUOTA]
    assert {finding.verdict for finding in found.values()} == {OK}
    assert f"s3://{TRAINING_BUCKET}/{KEY}" in found[ARTIFACT].text


def test_looking_changes_nothing(cloud: Cloud) -> None:
    """Every call reads."""
    cloud.sandbox.forget_requests()
    findings()
    assert all(name.startswith(("Get", "List", "Describe", "Head")) for name in cloud.sandbox.requests())
    assert cloud.left() == NOTHING


@pytest.mark.parametrize(
    ("job", "words"),
    [
        ("nobody", "there is no training job 'nobody'"),
        ("unfinished", "'unfinished' is InProgress. Only the model of a Completed job can be hosted"),
        ("detector", "not of the semantic segmentation algorithm"),
    ],
)
def test_a_job_without_a_model_to_host(cloud: Cloud, job: str, words: str) -> None:
    """It is a problem with its remedy, and nothing that depends on the job can be looked at."""
    cloud.sandbox.add_training_job("unfinished", status="InProgress")
    cloud.sandbox.add_training_job("detector", image=IMAGE.replace("semantic-segmentation", "object-detection"))
    trained, finding = Readiness(spec(training_job=job), SHORT).find_model()
    assert (trained, finding.name, finding.verdict) == (None, JOB, PROBLEM)
    assert words in finding.text


def test_a_job_that_may_not_be_looked_at(cloud: Cloud) -> None:
    """A run could not look at it either: a problem, with the permission."""
    cloud.sandbox.fault("DescribeTrainingJob", "access-denied", times=None)
    _, finding = Readiness(spec(), SHORT).find_model()
    assert finding.verdict is PROBLEM
    assert "sagemaker:DescribeTrainingJob" in finding.text


@pytest.mark.usefixtures("cloud")
def test_an_artifact_that_is_gone() -> None:
    """The job is Completed, and its archive was cleaned up since: no endpoint would come up."""
    boto3.client("s3").delete_object(Bucket=TRAINING_BUCKET, Key=KEY)
    finding = findings()[ARTIFACT]
    assert finding.verdict is PROBLEM
    assert "does not exist" in finding.text


@pytest.mark.usefixtures("cloud")
def test_a_role_that_is_gone() -> None:
    """The job remembers a role that was deleted since."""
    boto3.client("iam").delete_role(RoleName=ROLE_NAME)
    finding = findings()[ROLE]
    assert finding.verdict is PROBLEM
    assert f"role/{ROLE_NAME} does not exist" in finding.text


def test_a_quota_that_is_too_small(cloud: Cloud) -> None:
    """What is wanted, allowed and in use is in the words, and what to ask for."""
    cloud.sandbox.settings(quotas={"ml.c5.xlarge": 1.0}, default_quota=0.0)
    finding = findings(instance_count=2)[QUOTA]
    assert finding.verdict is PROBLEM
    assert "2 wanted. ml.c5.xlarge: quota 1, 0 in use; ml.m5.xlarge: quota 0, 0 in use" in finding.text
    assert "'ml.c5.xlarge for endpoint usage'" in finding.text


def test_the_most_instances_must_fit_the_quota(cloud: Cloud) -> None:
    """What AWS may add counts, too: else it would be refused in the middle of a run."""
    cloud.sandbox.settings(quotas={"ml.c5.xlarge": 2.0}, default_quota=2.0)
    assert "3 wanted" in findings(instance_count=1, max_instance_count=3)[QUOTA].text


def test_living_endpoints_use_up_a_quota(cloud: Cloud) -> None:
    """Anybody's count, also one that is still being created; one that is going does not."""
    cloud.sandbox.settings(quotas={"ml.c5.xlarge": 2.0}, creating_seconds=0.1, deleting_seconds=60.0)
    for name in ("theirs", "going"):
        cloud.three(name)
    cloud.client.delete_endpoint(EndpointName="going")
    assert findings()[QUOTA].verdict is OK
    cloud.sandbox.settings(creating_seconds=60.0)
    cloud.endpoint("coming", config="theirs", wait=False)
    finding = findings()[QUOTA]
    assert (finding.verdict, "quota 2, 2 in use" in finding.text) == (PROBLEM, True), finding


def test_transform_jobs_have_a_quota_of_their_own(cloud: Cloud) -> None:
    """Under another name; jobs in progress use it up, endpoints and jobs that have ended do not."""
    cloud.sandbox.settings(quotas={"ml.c5.xlarge": 0.0}, transform_quotas={"ml.c5.xlarge": 1.0})
    assert findings(kind="batch")[QUOTA].verdict is OK
    cloud.sandbox.fault("CreateTransformJob", "stays-creating")
    cloud.three("theirs")
    cloud.transform("theirs")
    finding = findings(kind="batch")[QUOTA]
    assert (finding.verdict, "quota 1, 1 in use" in finding.text) == (PROBLEM, True), finding
    assert "'ml.c5.xlarge for transform job usage'" in finding.text
    cloud.client.stop_transform_job(TransformJobName="theirs")
    cloud.wait_until(lambda: cloud.sandbox.resources().transforms["theirs"]["status"] == "Stopped")
    assert findings(kind="batch")[QUOTA].verdict is OK


def test_the_first_type_decides(cloud: Cloud) -> None:
    """AWS's refusal over a quota is final for a run; the type that fits is named for the person to choose."""
    cloud.sandbox.settings(quotas={"ml.c5.xlarge": 0.0})
    finding = findings()[QUOTA]
    assert finding.verdict is PROBLEM
    assert "name ml.m5.xlarge as `instance_type`, which fits" in finding.text


@pytest.mark.usefixtures("cloud")
def test_a_type_without_a_quota_is_not_known() -> None:
    """It is misspelt, or so new that Service Quotas does not list it."""
    finding = findings(instance_types=("ml.c55.xlarge",))[QUOTA]
    assert finding.verdict is UNKNOWN
    assert "Check the name of the instance type ml.c55.xlarge" in finding.text


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_may_not_be_looked_at_is_not_known(cloud: Cloud, name: str) -> None:
    """A missing permission stands in nobody's way, and is named; the others are looked at all the same."""
    cloud.sandbox.fault(OPERATIONS[name], "access-denied", times=None)
    found = findings()
    assert {one for one, finding in found.items() if finding.verdict is UNKNOWN} == {name}
    needed = {ARTIFACT: "s3:GetObject", ROLE: "iam:GetRole", QUOTA: "servicequotas:ListServiceQuotas"}[name]
    assert f"AWS denies the look. It takes the permission {needed}" in found[name].text


@pytest.mark.parametrize("error", ["hang", "internal"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_aws_that_does_not_answer_is_not_known(cloud: Cloud, name: str, error: str) -> None:
    """Neither silence nor a fault of AWS's is taken for a no."""
    cloud.sandbox.fault(OPERATIONS[name], error, times=None, seconds=HANGS)
    found = findings()
    assert {one for one, finding in found.items() if finding.verdict is UNKNOWN} == {name}


def test_a_training_job_that_aws_does_not_show_in_time(cloud: Cloud) -> None:
    """The look goes on without it when its time is over."""
    cloud.sandbox.fault("DescribeTrainingJob", "hang", times=None, seconds=HANGS)
    trained, finding = Readiness(spec(), CallLimits(job_seconds=0.2)).find_model()
    assert (trained, finding.verdict) == (None, UNKNOWN)
    assert finding.text == "AWS has not answered within 0.2 s"
    join_threads("look-at")


def test_looks_go_on_at_once_and_keep_their_order() -> None:
    """Each waits for the other here: one after the other would not end."""
    both = threading.Barrier(2, timeout=30)

    def look(name: str) -> Finding:
        both.wait()
        return Finding(name, OK, "")

    found = within(60, {"b": lambda: look("b"), "a": lambda: look("a")})
    assert [finding.name for finding in found] == ["b", "a"]


def test_a_fault_of_the_program_is_not_hidden() -> None:
    """What is neither AWS's answer nor its silence is raised where somebody sees it."""
    with pytest.raises(ZeroDivisionError):
        within(60, {"a": lambda: Finding("a", OK, str(1 / 0))})


@pytest.mark.parametrize(
    ("quotas", "used", "verdict"),
    [
        ({"a": 2.0}, {"a": 1}, OK),
        ({"a": 2.0}, {"a": 2}, PROBLEM),
        ({"a": 0.0, "b": 5.0}, {}, PROBLEM),
        ({"b": 5.0}, {}, UNKNOWN),
    ],
)
def test_a_quota_is_judged_by_what_is_left_of_it(
    quotas: dict[str, float], used: dict[str, int], verdict: Verdict
) -> None:
    """Exactly enough is enough."""
    assert endpoint_quotas.quota_finding(("a", "b"), 1, quotas, used).verdict is verdict


@pytest.mark.parametrize(("later", "verdict"), [({}, PROBLEM), ({"a": 1}, WARNING), ({"b": 1}, PROBLEM)])
def test_a_quota_that_other_runs_use_up_is_waited_for(later: dict[str, int], verdict: Verdict) -> None:
    """Where the run would wait until their endpoints are gone, they stand in nobody's way for good; others' do."""
    finding = endpoint_quotas.quota_finding(("a", "b"), 1, {"a": 2.0}, {"a": 2, "b": 1}, later)
    assert finding.verdict is verdict
    assert ("which the run would wait for" in finding.text) == (verdict is WARNING)
