"""The parameters of a run: names, bounds and defaults, for the run form, the command line and the flow alike."""

import re
from math import isqrt
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from tasks.core import class_map
from tasks.core.models.known_models import MAX_BODY_BYTES, NOT_MAPPED
from tasks.services.endpoints.contract import HTTP, LOCAL, NAME_PATTERN, SAGEMAKER, EndpointSpec

# Which endpoint is asked.
ENDPOINT_SETTINGS = ("endpoint", "training_job", "endpoint_name", "endpoint_url")
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


Text = Annotated[str, Field(min_length=1)]
ServerUrl = Annotated[str, Field(json_schema_extra={"pattern": URL_PATTERN}), AfterValidator(_server_url)]
EndpointName = Annotated[str, Field(min_length=1, max_length=63), AfterValidator(_endpoint_name)]
FileName = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_no_path)]
InstanceType = Annotated[str, Field(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9]+$")]
InstanceTypes = Annotated[list[InstanceType], AfterValidator(_distinct)]
Endpoint = Literal["local", "sagemaker", "http"]
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


# Of an answer with probabilities: bytes that are no values, and those of each value.
HEAD_BYTES, VALUE_BYTES = 256, 4


class RunParameters(BaseModel):
    """What a run is asked to do, checked; the flow's docstring describes each field."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: Text
    output_directory: Text = "out"
    endpoint: Endpoint = "local"
    training_job: Text | None = None
    endpoint_name: EndpointName | None = None
    endpoint_url: ServerUrl | None = None
    min_contour_size: SquareMetres = 25.0
    width: Width = 1000
    flood_labels: FloodLabels = [1, 2]
    crs: Text | None = None
    failure_tolerance: Share = 0.0
    model: Text = "water-index"
    labels: ClassMap | None = None
    calibration: NirThreshold | None = None
    confidence: Confidence = "auto"
    chip_px: ChipPx | None = None
    chip_overlap_px: OverlapPx = 64
    device: Device = "auto"
    review: bool = False
    review_hours: ReviewHours = 72.0
    dry_run: bool = False
    only_failed_of: Text | None = None
    instance_type: InstanceType = "ml.c5.xlarge"
    instance_count: InstanceCount = 1
    fallback_instance_types: InstanceTypes = ["ml.m5.xlarge", "ml.c5.2xlarge"]
    instance_hour_price: Price | None = None
    max_endpoint_minutes: Minutes = 240
    deploy_minutes: DeployMinutes = 30.0
    lease_minutes: LeaseMinutes = 30.0
    requests_per_instance: Requests = 4
    predict_seconds: Seconds = 5.0
    work_directory: Text = "work"
    keep_work: bool = False
    log_storage_directory: Text = "logs"
    log_file_prefix: FileName = "flood_extent"
    max_tile_megapixels: Megapixels = 400
    decode_in_child: InChild = "auto"
    aws_block: Text | None = None
    kms_key: Text | None = None
    requester_pays: bool = False

    @model_validator(mode="after")
    def _sagemaker_needs_a_training_job_or_an_endpoint(self) -> Self:
        if self.endpoint == SAGEMAKER and not self.training_job and not self.endpoint_name:
            raise ValueError(
                "`endpoint` sagemaker needs `training_job`: name the finished training job whose model to deploy, or, "
                "in `endpoint_name`, an endpoint that is there already"
            )
        if self.endpoint_name and (self.endpoint != SAGEMAKER or self.training_job):
            raise ValueError(
                "`endpoint_name` is for `endpoint` sagemaker, and without `training_job`: either an endpoint that is "
                "there already is asked, or one is deployed"
            )
        return self

    @model_validator(mode="after")
    def _http_needs_an_address(self) -> Self:
        if self.endpoint == HTTP and self.endpoint_url is None:
            raise ValueError("`endpoint` http needs `endpoint_url`: the address of the server, such as http://gpu:8080")
        if self.endpoint != HTTP and self.endpoint_url is not None:
            raise ValueError(f"`endpoint_url` is for `endpoint` http, not {self.endpoint}")
        return self

    @model_validator(mode="after")
    def _only_water_index_is_calibrated(self) -> Self:
        if self.calibration is not None and self.endpoint == LOCAL and not self.endpoint_spec().is_calibrated:
            raise ValueError(f"`calibration` is for the model water-index, {self.model} takes none. Leave it out")
        return self

    @model_validator(mode="after")
    def _water_index_answers_labels(self) -> Self:
        if self.labels is not None and self.endpoint_spec().is_calibrated:
            raise ValueError(NOT_MAPPED)
        return self

    @model_validator(mode="after")
    def _chips_overlap_by_half_at_most(self) -> Self:
        if self.chip_px is not None and 2 * self.chip_overlap_px > self.chip_px:
            raise ValueError(
                f"`chip_overlap_px` {self.chip_overlap_px} is more than half of `chip_px` {self.chip_px}: each request "
                "would be mostly what others ask for, too. Make it smaller, or the chips larger"
            )
        return self

    @model_validator(mode="after")
    def _probabilities_fit_an_answer_of_sagemaker(self) -> Self:
        pixel_bytes = VALUE_BYTES * len(self.labels or class_map.LABELS)
        most_px = isqrt((MAX_BODY_BYTES - HEAD_BYTES) // pixel_bytes) // 8 * 8
        if self.endpoint == SAGEMAKER and self.confidence == "on" and (self.chip_px or most_px + 1) > most_px:
            raise ValueError(
                f"`confidence` on needs `chip_px` of at most {most_px} on SageMaker, whose answers have 6 MB at "
                f"most, and probabilities of {pixel_bytes // VALUE_BYTES} classes are {pixel_bytes} bytes a pixel"
            )
        return self

    @property
    def chips(self) -> tuple[int, int] | None:
        """Size and overlap of the chips; None: one request a tile."""
        return None if self.chip_px is None else (self.chip_px, self.chip_overlap_px)

    @property
    def asks_confidence(self) -> bool:
        """Whether the model is to answer probabilities, from which is known how sure its labels are."""
        return self.confidence == "on" or (self.confidence == "auto" and self.endpoint == LOCAL)

    def endpoint_spec(self, owner: str = "") -> EndpointSpec:
        """What is to be deployed, for the service that deploys it.

        Args:
            owner: Which Prefect server knows the run.
        """
        if self.endpoint == LOCAL:
            labels = None if self.labels is None else tuple(self.labels)
            return EndpointSpec(LOCAL, model=self.model, device=self.device, class_map=labels)
        if self.endpoint == HTTP:
            requests = self.requests_per_instance
            return EndpointSpec(HTTP, model=self.model, url=self.endpoint_url or "", requests_per_instance=requests)
        return EndpointSpec(
            kind=self.endpoint,
            endpoint_name=self.endpoint_name or "",
            training_job=self.training_job or "",
            instance_types=tuple(dict.fromkeys([self.instance_type, *self.fallback_instance_types])),
            instance_count=self.instance_count,
            requests_per_instance=self.requests_per_instance,
            deploy_minutes=self.deploy_minutes,
            lease_minutes=self.lease_minutes,
            max_minutes=self.max_endpoint_minutes,
            owner=owner,
        )
