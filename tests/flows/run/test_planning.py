"""What a run would do, from the command line and as a flow: the same plan, and nothing of it done."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cloud import Cloud
from cloud_runs import CloudRuns, client_of
from command_line import QUIET, CommandLine, Scene
from model_serving import serving
from prefect.settings import PREFECT_API_URL, PREFECT_LOGGING_TO_API_ENABLED, temporary_settings
from prefect_api import PrefectApi

from flows.flood_extent import flood_extent
from flows.parameters import RunParameters
from flows.run.dry_run import plan_run
from infra.sandbox.client import ROLE, Sandbox
from tasks.core.models import water_index
from tasks.core.reports import plan_report
from tasks.core.states import NOT_POSSIBLE, PLANNED
from tasks.core.tiles.plan import Finding, Plan, Verdict

READS = ("Get", "List", "Describe", "Head")


def everything_below(folder: Path) -> dict[str, int]:
    """Files and folders with their times of change, without Prefect's own home."""
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if "home" not in path.parts}


def one_line(said: str) -> str:
    """The terminal's words without its line breaks and frames."""
    return " ".join(said.replace("│", " ").split())


def test_a_plan_on_sagemaker_tells_all_and_touches_nothing(cloud: CloudRuns) -> None:
    """Tiles, minutes, cost and what SageMaker says; neither AWS nor the folder changes."""
    before = everything_below(cloud.command.folder)
    status, said = cloud.command("plan", *cloud.arguments("--instance-hour-price", "0.5")[1:])
    assert status == 0, said
    told = one_line(said)
    assert "6 to do, 0 remembered" in told
    assert "7.0 deploying, 0.1 predicting; at most 240" in told
    assert "about 0.06" in told
    names = ("training job", "scale", "model artifact", "role", "quota", "endpoint minutes")
    assert [name for name in names if f"ok {name}" not in told] == []
    assert cloud.everything() == cloud.others
    assert everything_below(cloud.command.folder) == before
    assert all(name.startswith(READS) for name in cloud.sandbox.requests())


@pytest.mark.slow
def test_run_with_dry_run_is_plan(cloud: CloudRuns) -> None:
    """The same words and status, without a Prefect server: the one that is named here does not answer."""
    silent = {"PREFECT_API_URL": "http://127.0.0.1:9/api"}
    _, planned = cloud.command("plan", *cloud.arguments()[1:], **silent)
    status, said = cloud.command(*cloud.arguments("--dry-run"), **silent)
    assert (status, said) == (0, planned)
    assert "unknown endpoint places" in one_line(said)
    assert cloud.everything() == cloud.others


def small_quota(cloud: CloudRuns) -> None:
    cloud.sandbox.settings(quotas={"ml.c5.xlarge": 3.0})


def no_role(cloud: CloudRuns) -> None:
    client_of(cloud.sandbox, "iam").delete_role(RoleName=ROLE)


def unfinished(cloud: CloudRuns) -> None:
    cloud.sandbox.add_training_job("unfinished", status="InProgress")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arrange", "options", "words"),
    [
        (small_quota, [], "problem quota: ml.c5.xlarge does not fit: 1 wanted. ml.c5.xlarge: quota 3, 3 in use"),
        (no_role, [], f"problem role: arn:aws:iam::123456789012:role/{ROLE} does not exist"),
        (unfinished, ["--training-job", "unfinished"], "problem training job: training job 'unfinished' is InProgress"),
        (
            lambda _: None,
            ["--requests-per-instance", "1", "--predict-seconds", "60", "--max-endpoint-minutes", "10"],
            "problem endpoint minutes: 6 tiles need the endpoint for about 13 minutes",
        ),
    ],
)
def test_what_would_be_refused_is_told_with_the_rest_of_the_plan(
    cloud: CloudRuns, arrange: Any, options: list[str], words: str
) -> None:
    """The exit status says that a run is not possible, and the tiles are planned all the same."""
    arrange(cloud)
    status, said = cloud.command("plan", *cloud.arguments(*options)[1:])
    assert (status, words in one_line(said)) == (1, True), said
    assert "6, of which 0 would fail" in said
    assert cloud.everything() == cloud.others


@pytest.mark.slow
def test_a_scale_that_the_model_has_not_seen_is_warned_of(cloud: CloudRuns) -> None:
    """By a plan and in a run's log; both go on, for the labels may be good."""
    cloud.sandbox.add_training_job("fine", hyperparameters={"base_size": "1000"})
    words = "makes the long side of the tiles 400 px; in training it was 500 to 2,000 px"
    status, said = cloud.command("plan", *cloud.arguments("--training-job", "fine")[1:])
    assert (status, f"warning scale: --width {words}" in one_line(said)) == (0, True), said
    status, said = cloud.run("--training-job", "fine")
    assert (status, f"warning: --width {words}" in one_line(said)) == (0, True), said
    assert f"scale: `width` {words}" in cloud.log()


@pytest.mark.slow
def test_what_aws_does_not_tell_does_not_stand_in_the_way(cloud: CloudRuns) -> None:
    """A role that may not be looked at may be in order."""
    cloud.sandbox.fault("GetRole", "access-denied", times=None)
    status, said = cloud.command("plan", *cloud.arguments()[1:])
    assert status == 0, said
    assert "unknown role: AWS denies the look. It takes the permission iam:GetRole" in one_line(said)


@pytest.mark.slow
def test_where_all_is_remembered_no_endpoint_is_asked_for(cloud: CloudRuns) -> None:
    """After a good run there is nothing to predict: quotas and roles matter to nobody."""
    assert cloud.run()[0] == 0
    small_quota(cloud)
    no_role(cloud)
    cloud.sandbox.forget_requests()
    status, said = cloud.command("plan", *cloud.arguments()[1:])
    assert (status, "sagemaker: not needed" in said) == (0, True), said
    assert not {"GetRole", "ListServiceQuotas"} & cloud.sandbox.requests().keys()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["plan", "nowhere"], "dataset 'nowhere' does not exist"),
        (["run", "nowhere", "--dry-run"], "dataset 'nowhere' does not exist"),
        (["plan", ".", "--width", "1"], "--width"),
    ],
)
def test_wrong_arguments_are_refused_as_ever(tmp_path: Path, arguments: list[str], words: str) -> None:
    """They are no findings: there is nothing to plan."""
    status, said = CommandLine(tmp_path, {"PREFECT_HOME": str(tmp_path / "home"), **QUIET})(*arguments)
    assert (status, words in said) == (64, True), said


def test_a_plan_starts_no_server_to_ask_for_credentials(tmp_path: Path) -> None:
    """Where no server has the block that is named, the ways out are told."""
    command = CommandLine(tmp_path, {"PREFECT_HOME": str(tmp_path / "home"), **QUIET})
    status, said = command("plan", ".", "--aws-block", "mine")
    assert (status, "only a Prefect server knows it, and a plan starts none" in said) == (64, True), said


@pytest.mark.slow
def test_an_earlier_run_tells_how_long_the_next_will_take(command: CommandLine, scene: Scene) -> None:
    """Where something was measured the plan says so, where nothing was it says nothing."""
    assert "estimate" not in command("plan", scene.dataset)[1]
    assert command("run", scene.dataset)[0] == 0
    shutil.rmtree(command.folder / "work")
    assert "the tiles take less than a minute, by what they took in the run before" in one_line(
        command("plan", scene.dataset)[1]
    )


@pytest.fixture
def here(prefect_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """This process in an empty folder, with the session's server; its API."""
    monkeypatch.chdir(tmp_path)
    with temporary_settings({PREFECT_API_URL: prefect_server, PREFECT_LOGGING_TO_API_ENABLED: False}):
        yield prefect_server


def dataset(scene: Scene) -> Path:
    """A copy of the scene under a name of its own, with a tile that is none."""
    folder = Path(f"Town {uuid4().hex[:8]}")
    shutil.copytree(scene.dataset, folder)
    (folder / "broken.jp2").write_bytes(b"no image")
    return folder


def test_a_flow_run_with_dry_run_shows_the_plan(here: str, scene: Scene) -> None:
    """The dashboard gets the plan as a page and as a table, and the folder stays as it was."""
    folder = dataset(scene)
    before = everything_below(Path.cwd())
    state = flood_extent(dataset=str(folder), dry_run=True, return_state=True)
    assert (state.type, state.name) == ("COMPLETED", PLANNED)
    assert state.message == "7 tiles, 1 unusable, 6 to predict"
    shown = PrefectApi(here).artifacts(str(state.state_details.flow_run_id), by="type")
    assert "6 to do, 0 remembered" in shown["markdown"]["data"]
    assert '"tile":"broken.jp2","would do":"fails"' in shown["table"]["data"].replace(", ", ",").replace(": ", ":")
    assert re.fullmatch(r"town-[a-z0-9-]+-plan", shown["markdown"]["key"])
    assert everything_below(Path.cwd()) == before


@pytest.mark.usefixtures("here")
def test_a_flow_run_without_a_usable_tile_is_not_possible(tmp_path: Path) -> None:
    """Nothing that would fail looks green."""
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "broken.jp2").write_bytes(b"no image")
    state = flood_extent(dataset="frames", dry_run=True, return_state=True)
    assert (state.type, state.name) == ("FAILED", NOT_POSSIBLE)
    assert state.message is not None
    assert state.message.startswith("tiles: none can be used")


@pytest.mark.usefixtures("here")
def test_a_flow_run_that_would_be_refused_says_why() -> None:
    """A dataset that does not exist is the state's message, not a trace."""
    state = flood_extent(dataset="nowhere", dry_run=True, return_state=True)
    assert (state.type, state.name) == ("FAILED", NOT_POSSIBLE)
    assert state.message == "dataset 'nowhere' does not exist. Check the name"


def planned(scene: Scene, folder: Path, **settings: Any) -> Plan:
    places = {"output_directory": folder / "out", "work_directory": folder / "work"}
    given = {name: str(place) for name, place in places.items()}
    return plan_run(RunParameters(dataset=str(scene.dataset), **given, **settings))


def test_a_server_behind_a_url_is_asked_how_it_is(scene: Scene, tmp_path: Path) -> None:
    """The plan says where frames would go, that the server is in service, and that nothing calibrates it."""
    with serving(water_index.predict) as url:
        plan = planned(scene, tmp_path, endpoint="http", endpoint_url=url)
    told = dict(plan_report.facts(plan))
    assert told["endpoint"] == f"http: {url}, which is there already: frames would be sent to it"
    assert told["calibration"].startswith(f"no calibration: if {url} holds water-index")
    assert [(one.verdict, f"{url} is in service: frames are sent there" in one.text) for one in plan.findings] == [
        (Verdict.OK, True)
    ]
    assert everything_below(tmp_path) == {}


def test_a_server_that_does_not_answer_stands_in_the_way(scene: Scene, tmp_path: Path) -> None:
    """A run could not get its answers; what its user calls the model, or a threshold, leaves no doubt."""
    with serving(water_index.predict) as url:
        pass
    plan = planned(scene, tmp_path, endpoint="http", endpoint_url=url, model="unet")
    assert (plan.possible, plan.calibration) == (False, None)
    assert f"endpoint {url}: it does not answer" in plan.problems[0].text


@pytest.fixture
def theirs(sandbox: Sandbox, aws_settings: pytest.MonkeyPatch) -> Cloud:
    """The local AWS with an endpoint of somebody else's."""
    for name, value in sandbox.environment.items():
        aws_settings.setenv(name, value)
    made = Cloud(sandbox, client_of(sandbox))
    made.three("production")
    sandbox.forget_requests()
    return made


def endpoint_finding(scene: Scene, folder: Path, name: str = "production") -> Finding:
    plan = planned(scene, folder, endpoint="sagemaker", endpoint_name=name)
    assert plan.hosting is None
    (found,) = plan.findings
    return found


def test_an_endpoint_that_is_there_already_is_a_finding_instead_of_a_cost(
    scene: Scene, tmp_path: Path, theirs: Cloud
) -> None:
    """Its name, that it is in service and stays; every call describes."""
    found = endpoint_finding(scene, tmp_path)
    assert (found.verdict, found.text) == (
        Verdict.OK,
        "endpoint production is in service: frames are sent there, and it is left as it is",
    )
    assert all(name.startswith("Describe") for name in theirs.sandbox.requests())


def test_an_endpoint_that_could_not_be_asked_stands_in_the_way(scene: Scene, tmp_path: Path, theirs: Cloud) -> None:
    """Its status, or that there is none, is a problem with its remedy; what AWS does not tell is unknown."""
    theirs.sandbox.settings(creating_seconds=60)
    theirs.client.update_endpoint(EndpointName="production", EndpointConfigName="production")
    updating, missing = (endpoint_finding(scene, tmp_path, name) for name in ("production", "misspelt"))
    assert (updating.verdict, missing.verdict) == (Verdict.PROBLEM, Verdict.PROBLEM)
    assert ("'production' is Updating" in updating.text, "no endpoint 'misspelt'" in missing.text) == (True, True)
    theirs.sandbox.fault("DescribeEndpoint", "internal", times=None)
    assert endpoint_finding(scene, tmp_path).verdict is Verdict.UNKNOWN
