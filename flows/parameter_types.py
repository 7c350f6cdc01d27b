"""Types of a run's parameters: what the run form, the command line and the flow accept as a value."""

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from tasks.core import class_map
from tasks.core.product.edition import CAPTURED, CaptureTime, Origin
from tasks.services.endpoints.contract import NAME_PATTERN

# Of a server. Without user and password: a flow's parameters are kept and shown. The form and the API go by it, too.
URL_PATTERN = r"^https?://[^\s@?#\\]+$"


def _as_numbers(labels: Any) -> Any:
    """The command line has words."""
    return [int(label) if str(label).isdecimal() else label for label in labels] if isinstance(labels, list) else labels


def _each_once(labels: list[Literal[1, 2]]) -> list[Literal[1, 2]]:
    return sorted(set(labels))


def _with_flood(labels: list[Literal[0, 1, 2, 3]]) -> list[Literal[0, 1, 2, 3]]:
    class_map.checked(tuple(labels))
    return labels


def _distinct(names: list[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _no_path(text: str) -> str:
    if "/" in text or "\\" in text or not text.isprintable():
        raise ValueError("give the start of a file's name, without slashes and control characters")
    return text


def _server_url(text: str) -> str:
    try:
        named = text.isprintable() and urlsplit(text).hostname and urlsplit(text).port != 0
    except ValueError:  # a port or an IPv6 address that is none
        named = False
    if not named or not re.search(URL_PATTERN, text):
        raise ValueError("give the address of a server, such as http://gpu:8080, without user, password, ? and #")
    return text.rstrip("/")


def _endpoint_name(text: str) -> str:
    if not NAME_PATTERN.fullmatch(text):
        raise ValueError("give the name of a SageMaker endpoint, not its ARN")
    return text


def _capture_time(text: str) -> str:
    match = CAPTURED.fullmatch(text)
    has_clock = match is not None and match[5] is not None
    if match is None or CaptureTime.in_text(text, Origin.PARAMETER) is None or (has_clock and match[8] is None):
        raise ValueError("give a day, or a time with its zone: 2021-04-03, 2021-04-03T01:31Z, 2021-04-03T11:31+10:00")
    return text


Text = Annotated[str, Field(min_length=1)]
CaptureText = Annotated[str, Field(min_length=1, max_length=40), AfterValidator(_capture_time)]
FormatName = Literal["gpkg", "shp", "fgb", "gdb", "pmtiles", "geojson", "xlsx", "parquet", "cog", "pdf"]
Formats = Annotated[list[FormatName], Field(min_length=1), AfterValidator(_distinct)]
Profile = Literal["cems"]
Release = Annotated[int, Field(ge=1, le=999)]
Metres = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]
Places = Annotated[list[Text], AfterValidator(_distinct)]
Countries = Annotated[
    list[Annotated[str, Field(pattern=r"^[A-Z]{3}$")]], Field(max_length=50), AfterValidator(_distinct)
]
Smoothing = Literal["off", "simplify", "smooth"]
GridMetres = Annotated[float, Field(ge=10, allow_inf_nan=False)]
ServerUrl = Annotated[str, Field(json_schema_extra={"pattern": URL_PATTERN}), AfterValidator(_server_url)]
EndpointName = Annotated[str, Field(min_length=1, max_length=63), AfterValidator(_endpoint_name)]
FileName = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_no_path)]
InstanceType = Annotated[str, Field(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9]+$")]
InstanceTypes = Annotated[list[InstanceType], AfterValidator(_distinct)]
Endpoint = Literal["local", "sagemaker", "http", "batch"]
BlockSize = Annotated[int, Field(ge=1, le=10_000)]
ParallelBlocks = Annotated[int, Field(ge=1, le=100)]
THREADS = "threads"
TileRunnerKind = Literal["threads", "dask"]
NirThreshold = Annotated[int, Field(ge=0, le=255)]
ChipPx = Annotated[int, Field(ge=64, le=10_000, multiple_of=8)]
OverlapPx = Annotated[int, Field(ge=16, le=1024)]
Confidence = Literal["auto", "on", "off"]
Device = Literal["auto", "cpu", "cuda"]
InChild = Literal["auto", "always", "never"]
InstanceCount = Annotated[int, Field(ge=1, le=20)]
Width = Annotated[int, Field(ge=16, le=10_000)]
SquareMetres = Annotated[float, Field(ge=0, allow_inf_nan=False)]
FloodLabels = Annotated[
    list[Literal[1, 2]], Field(min_length=1), BeforeValidator(_as_numbers), AfterValidator(_each_once)
]
ClassMap = Annotated[
    list[Literal[0, 1, 2, 3]],
    Field(min_length=class_map.FEWEST_CLASSES, max_length=256),
    BeforeValidator(_as_numbers),
    AfterValidator(_with_flood),
]
Share = Annotated[float, Field(ge=0, le=1)]
Minutes = Annotated[int, Field(ge=10, le=1440)]
Megapixels = Annotated[int, Field(ge=1, le=10_000)]
Requests = Annotated[int, Field(ge=1, le=64)]
Seconds = Annotated[float, Field(gt=0, le=60)]
LeaseMinutes = Annotated[float, Field(ge=0.05, le=1440)]
DeployMinutes = Annotated[float, Field(ge=0.05, le=120)]
ReviewHours = Annotated[float, Field(gt=0, le=720)]
Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]
