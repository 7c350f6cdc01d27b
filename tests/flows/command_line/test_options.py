"""Flow, parameters, command line and run form say the same."""

import inspect
from typing import Any, get_type_hints

import pytest
from jsonschema import Draft202012Validator
from prefect.exceptions import ParameterTypeError
from prefect.utilities.callables import parameter_schema

from flows.command_line.cli import UNUSABLE, main, parse
from flows.command_line.options import descriptions, parameters_of
from flows.flood_extent import flood_extent
from flows.parameters import GROUPS, RunParameters
from tasks.core.errors import UnusableArgument

FIELDS = RunParameters.model_fields
SURE_ON_SAGEMAKER = ["--endpoint", "sagemaker", "--training-job", "j", "--confidence", "on", "--chip-px"]


def parsed(*arguments: str) -> RunParameters:
    return parameters_of(parse(["run", "tiles", *arguments]))


def test_the_flow_takes_what_the_parameters_say() -> None:
    """Names, order, defaults and bounds of the flow's signature are those of the checked parameters."""
    signature = inspect.signature(flood_extent.fn)
    assert list(signature.parameters) == list(FIELDS)
    defaults = {name: field.default for name, field in FIELDS.items() if not field.is_required()}
    assert {name: p.default for name, p in signature.parameters.items() if p.default is not p.empty} == defaults
    hints, theirs = (get_type_hints(one, include_extras=True) for one in (flood_extent.fn, RunParameters))
    assert {name: hints[name] for name in FIELDS} == {name: theirs[name] for name in FIELDS}


def test_every_parameter_is_described_in_the_run_form() -> None:
    """A person who fills in the form sees what each field means, and its bounds."""
    properties = parameter_schema(flood_extent).model_dump()["properties"]
    assert {name: properties[name]["description"] for name in FIELDS} == descriptions()
    assert properties["width"]["minimum"] == 16
    assert properties["endpoint"]["enum"] == ["local", "sagemaker", "http", "batch"]


def test_every_parameter_is_an_option() -> None:
    """What the form can set, the command line can."""
    given = ["--output", "o", "--flood-labels", "1", "--width", "800", "--crs", "EPSG:7855", "--keep-work"]
    parameters = parsed(*given, "--min-contour-size", "4.5")
    assert (parameters.output_directory, parameters.flood_labels, parameters.width) == ("o", [1], 800)
    assert (parameters.crs, parameters.keep_work, parameters.min_contour_size) == ("EPSG:7855", True, 4.5)
    assert parsed() == RunParameters(dataset="tiles")


def test_every_option_stands_in_one_group(capsys: pytest.CaptureFixture[str]) -> None:
    """Some fifty options in one list are not read: `--help` has them by what they are about."""
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(FIELDS)
    with pytest.raises(SystemExit):
        parse(["run", "--help"])
    shown = capsys.readouterr().out
    assert [title for title in GROUPS if f"\n{title}:\n" in shown] == list(GROUPS)
    assert shown.index("for operators:") < shown.index("--work-directory") < shown.index("--kms-key")


def test_names_of_files_may_hold_blanks_and_commas() -> None:
    """A list of places is taken as it is given, and not apart."""
    assert parsed("--exposure", "roads, all.gpkg", "parcels.shp").exposure == ["roads, all.gpkg", "parcels.shp"]
    assert parsed("--formats", "gpkg,fgb").formats == ["gpkg", "fgb"]


def test_a_dataset_whose_name_is_not_utf_8_is_to_be_renamed() -> None:
    """The name is spelled in letters that every terminal can show."""
    with pytest.raises(UnusableArgument, match=r"the name M\\xfcnchen is not UTF-8. Rename it"):
        parameters_of(parse(["run", "M\udcfcnchen"]))


@pytest.mark.parametrize("spelling", [["1", "2"], ["1,2"], ["[1, 2]"]])
def test_labels_may_be_spelled_as_people_do(spelling: list[str]) -> None:
    """A list of labels is read with spaces, commas or brackets."""
    assert parsed("--flood-labels", *spelling).flood_labels == [1, 2]
    assert parsed("--labels", *spelling, "--model", "m.onnx").labels == [1, 2]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--width", "0"], "--width"),
        (["--width", "wide"], "--width"),
        (["--endpoint", "azure"], "--endpoint"),
        (["--endpoint", "sagemaker"], "--training-job.*--endpoint-name"),
        (["--endpoint", "sagemaker", "--training-job", "j", "--endpoint-name", "e"], "without --training-job"),
        (["--endpoint-name", "e"], "--endpoint-name is for --endpoint sagemaker"),
        (["--endpoint", "sagemaker", "--endpoint-name", "arn:aws:sagemaker:x"], "--endpoint-name.*not its ARN"),
        (["--endpoint", "http"], "--endpoint http needs --endpoint-url"),
        (["--endpoint-url", "http://gpu"], "--endpoint-url is for --endpoint http, not local"),
        (["--flood-labels", "7"], "--flood-labels"),
        (["--formats", "dwg"], "--formats"),
        (["--capture-time", "yesterday"], "--capture-time: give a day, or a time with its zone"),
        (["--capture-time", "2021-04-03T01:31"], "--capture-time: give a day, or a time with its zone"),
        (["--capture-time", "2021-02-30"], "--capture-time: give a day, or a time with its zone"),
        (["--event-countries", "Australia"], "--event-countries: give countries as ISO 3166-1 alpha-3, such as AUS"),
        (["--profile", "cems"], "--event-id None: --profile cems names its files after it"),
        (["--release", "2"], "--release 2 needs --release-reason"),
        (["--normal-water-tolerance", "5"], "--normal-water-tolerance is for --normal-water"),
        (["--model", "m.onnx", "--labels", "0", "2"], "--labels: .*1, flood, among them"),
        (["--model", "m.onnx", "--labels", "1"], "--labels"),
        (["--model", "m.onnx", "--labels", "0", "1", "4"], "--labels"),
        (["--labels", "0", "1"], "--labels.*water-index"),
        ([*SURE_ON_SAGEMAKER, "728"], "--chip-px of at most 720 .* 3 classes are 12 bytes"),
        ([*SURE_ON_SAGEMAKER, "720", "--labels", "0", "1", "0", "3"], "--chip-px of at most 624 .* 4 classes"),
        (["--failure-tolerance", "1.5"], "--failure-tolerance"),
        (["--min-contour-size", "nan"], "--min-contour-size"),
    ],
)
def test_a_wrong_value_is_refused_by_name(arguments: list[str], words: str) -> None:
    """The message names the option and the value, before anything starts."""
    with pytest.raises(UnusableArgument, match=words):
        parsed(*arguments)


WRONG_URLS = ["gpu:8080", "ftp://gpu", "http://", "http://:80", "http://gpu:99999", "http://gpu:x", "http://[::1"]
WRONG_URLS += ["http://a b", "http://gpu?model=1", "http://gpu#1", "http://gpu\n", "http://gpu\\@x", "http:\\\\gpu"]


@pytest.mark.parametrize("url", WRONG_URLS)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    """What it should look like is said, before anything is sent anywhere."""
    with pytest.raises(UnusableArgument, match="--endpoint-url: give the address of a server, such as http://gpu:8080"):
        parsed("--endpoint", "http", "--endpoint-url", url)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://gpu:8080/", "http://gpu:8080"),
        ("https://gpu.example.org/models/flood", "https://gpu.example.org/models/flood"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_an_address_has_one_spelling(given: str, url: str) -> None:
    """A slash at the end makes no other endpoint, for which nothing would be cached."""
    spec = parsed("--endpoint", "http", "--endpoint-url", given, "--requests-per-instance", "7").endpoint_spec()
    assert (spec.url, spec.in_flight, spec.is_existing, spec.is_billed) == (url, 7, True, False)


@pytest.mark.parametrize("url", ["http://me:secret@gpu", "https://me:se@cret@gpu/x", "http://secret@gpu"])
def test_a_password_in_an_address_is_refused_and_not_shown(url: str) -> None:
    """Not by the command line, nor by the flow; by the form's schema, a server refuses it before it keeps the run."""
    with pytest.raises(UnusableArgument, match="without user, password") as refused:
        parsed("--endpoint", "http", "--endpoint-url", url)
    with pytest.raises(ParameterTypeError, match="without user, password") as refused_by_flow:
        flood_extent.validate_parameters({"dataset": "tiles", "endpoint": "http", "endpoint_url": url})
    assert "cret" not in f"{refused.value}{refused_by_flow.value}"
    schema = parameter_schema(flood_extent).model_dump()
    assert not Draft202012Validator(schema).is_valid({"dataset": "tiles", "endpoint_url": url})
    assert Draft202012Validator(schema).is_valid({"dataset": "tiles", "endpoint_url": "http://gpu"})


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["fly"],
        ["run", "x", "--colour", "red"],
        ["run", "/no/such/folder"],
        ["run", "x", "--width", "0"],
        ["clean", "--older-than", "-1"],
    ],
)
def test_unusable_arguments_end_with_64(arguments: list[str], capsys: Any) -> None:
    """A script can tell a wrong call from a failed run; a person gets one line, no traceback."""
    try:
        status = main(arguments)
    except SystemExit as end:
        status = int(end.code or 0)
    said = capsys.readouterr().err
    assert status == UNUSABLE
    assert "Traceback" not in said
    assert said.strip()


@pytest.mark.parametrize("arguments", [[], ["fly"], ["run"], ["run", "x", "--colour"], ["clean"], ["score", "x"]])
def test_usage_is_one_line(arguments: list[str], capsys: Any) -> None:
    """What is wrong is not hidden under a screenful of options; the last line says it, and where help is."""
    with pytest.raises(SystemExit):
        main(arguments)
    usage, message = capsys.readouterr().err.splitlines()
    assert usage.startswith("usage: flood-extent ")
    assert message.endswith("--help shows what there is")
