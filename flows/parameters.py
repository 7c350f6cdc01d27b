"""The parameters of a run: names, bounds and defaults, for the run form, the command line and the flow alike."""

from math import isqrt
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from flows.parameter_types import (
    THREADS,
    CaptureText,
    ChipPx,
    ClassMap,
    Confidence,
    Countries,
    DeployMinutes,
    Device,
    Endpoint,
    EndpointName,
    FileName,
    FloodLabels,
    Formats,
    GridMetres,
    InChild,
    InstanceCount,
    InstanceType,
    InstanceTypes,
    LeaseMinutes,
    Megapixels,
    Metres,
    Minutes,
    NirThreshold,
    OverlapPx,
    Places,
    Price,
    Profile,
    Release,
    Requests,
    ReviewHours,
    Seconds,
    ServerUrl,
    Share,
    Smoothing,
    SquareMetres,
    Text,
    TileRunnerKind,
    Width,
)
from tasks.core import class_map
from tasks.core.errors import UnusableArgument
from tasks.core.models.known_models import MAX_BODY_BYTES, NOT_MAPPED, PNG_TYPE, RECORD_TYPE
from tasks.core.product.edition import CaptureTime, Event, Origin
from tasks.core.profiles.event_codes import event_code
from tasks.services.endpoints.contract import BATCH, HTTP, LOCAL, SAGEMAKER, EndpointSpec

# Which endpoint is asked.
ENDPOINT_SETTINGS = ("endpoint", "training_job", "endpoint_name", "endpoint_url")
# Where the model runs, besides.
HOSTING_SETTINGS = (
    "instance_type", "instance_count", "max_instance_count", "fallback_instance_types", "instance_hour_price",
    "max_endpoint_minutes", "deploy_minutes", "lease_minutes", "requests_per_instance", "predict_seconds",
)  # fmt: skip
START_SETTINGS = ("review", "review_hours", "dry_run", "only_failed_of")
OPERATORS_SETTINGS = (
    "task_runner", "dask_scheduler", "block", "work_directory", "keep_work", "log_storage_directory", "log_file_prefix",
    "max_tile_megapixels", "decode_in_child", "aws_block", "kms_key", "requester_pays",
)  # fmt: skip
# What the product says of itself, and what it is made of besides the labels.
PRODUCT_SETTINGS = (
    "event_id", "event_name", "event_type", "event_subtype", "event_countries", "capture_time", "release",
    "release_reason", "licence", "attribution",
    "normal_water", "normal_water_tolerance", "exclude", "area_of_interest", "exposure", "smoothing",
    "cut_grid_m", "formats", "profile",
)  # fmt: skip

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
    event_id: Text | None = None
    event_name: Text | None = None
    event_type: Text = "5-Flood"
    event_subtype: Text | None = None
    event_countries: Countries = []
    capture_time: CaptureText | None = None
    area_of_interest: Text | None = None
    normal_water: Text | None = None
    normal_water_tolerance: Metres | None = None
    exclude: Text | None = None
    exposure: Places = []
    formats: Formats = ["gpkg", "shp"]
    profile: Profile | None = None
    smoothing: Smoothing = "off"
    cut_grid_m: GridMetres | None = None
    licence: Text | None = None
    attribution: Text | None = None
    release: Release = 1
    release_reason: Text | None = None
    review: bool = False
    review_hours: ReviewHours = 72.0
    dry_run: bool = False
    only_failed_of: Text | None = None
    instance_type: InstanceType = "ml.c5.xlarge"
    instance_count: InstanceCount = 1
    max_instance_count: InstanceCount | None = None
    fallback_instance_types: InstanceTypes = ["ml.m5.xlarge", "ml.c5.2xlarge"]
    instance_hour_price: Price | None = None
    max_endpoint_minutes: Minutes = 240
    deploy_minutes: DeployMinutes = 30.0
    lease_minutes: LeaseMinutes = 30.0
    requests_per_instance: Requests = 4
    predict_seconds: Seconds = 5.0
    task_runner: TileRunnerKind = "threads"
    dask_scheduler: Text | None = None
    block: Text | None = None
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
    def _only_what_a_run_deploys_is_scaled(self) -> Self:
        if self.max_instance_count is None:
            return self
        if self.endpoint != SAGEMAKER or not self.training_job:
            raise ValueError(
                "`max_instance_count` is for `endpoint` sagemaker with `training_job`: other endpoints are not the "
                "run's to scale. Leave it out"
            )
        if self.max_instance_count < self.instance_count:
            raise ValueError(
                f"`max_instance_count` {self.max_instance_count} is less than `instance_count` {self.instance_count}, "
                "with which the endpoint begins. Raise it, or lower the other"
            )
        return self

    @model_validator(mode="after")
    def _batch_needs_a_training_job_and_tells_it_nothing(self) -> Self:
        if self.endpoint == BATCH and not self.training_job:
            raise ValueError("`endpoint` batch needs `training_job`: the finished job whose model answers")
        if self.endpoint == BATCH and self.calibration is not None:
            raise ValueError("`calibration` cannot be told to a transform job, which sends images alone. Leave it out")
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

    @model_validator(mode="after")
    def _a_scheduler_is_of_dask(self) -> Self:
        if self.dask_scheduler is not None and self.task_runner == THREADS:
            raise ValueError(f"`dask_scheduler` is for `task_runner` dask, not {self.task_runner}")
        return self

    @model_validator(mode="after")
    def _a_release_has_its_reason(self) -> Self:
        if self.release > 1 and self.release_reason is None:
            raise ValueError(f"`release` {self.release} needs `release_reason`: what differs from the release before")
        return self

    @model_validator(mode="after")
    def _cems_names_files_by_the_event(self) -> Self:
        if self.profile is not None:
            try:
                event_code(self.event_id)
            except UnusableArgument as error:
                raise ValueError(str(error)) from error
        return self

    @model_validator(mode="after")
    def _a_tolerance_is_of_normal_water(self) -> Self:
        if self.normal_water_tolerance is not None and self.normal_water is None:
            raise ValueError("`normal_water_tolerance` is for `normal_water`: give that too, or leave it out")
        return self

    @property
    def event(self) -> Event:
        """What flood it is."""
        countries = tuple(self.event_countries)
        return Event(self.event_id, self.event_name, self.event_type, self.event_subtype, countries)

    @property
    def captured(self) -> CaptureTime | None:
        """When the frames were taken, where that was given."""
        return None if self.capture_time is None else CaptureTime.in_text(self.capture_time, Origin.PARAMETER)

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
        labels = None if self.labels is None else tuple(self.labels)
        if self.endpoint == LOCAL:
            return EndpointSpec(LOCAL, model=self.model, device=self.device, class_map=labels)
        if self.endpoint == HTTP:
            requests = self.requests_per_instance
            url = self.endpoint_url or ""
            return EndpointSpec(HTTP, model=self.model, url=url, requests_per_instance=requests, class_map=labels)
        return EndpointSpec(
            kind=self.endpoint,
            endpoint_name=self.endpoint_name or "",
            training_job=self.training_job or "",
            instance_types=tuple(dict.fromkeys([self.instance_type, *self.fallback_instance_types])),
            instance_count=self.instance_count,
            max_instance_count=self.max_instance_count,
            requests_per_instance=self.requests_per_instance,
            predict_seconds=self.predict_seconds,
            deploy_minutes=self.deploy_minutes,
            lease_minutes=self.lease_minutes,
            max_minutes=self.max_endpoint_minutes,
            owner=owner,
            work_directory=self.work_directory if self.endpoint == BATCH else "",
            accept=RECORD_TYPE if self.endpoint == BATCH and self.asks_confidence else PNG_TYPE,
        )


def _others() -> tuple[str, ...]:
    named = {*ENDPOINT_SETTINGS, *HOSTING_SETTINGS, *START_SETTINGS, *OPERATORS_SETTINGS, *PRODUCT_SETTINGS}
    return tuple(name for name in RunParameters.model_fields if name not in named)


# By what they are about, as ``--help`` and the page of parameters have them.
GROUPS = {
    "what is mapped, and how": _others(),
    "the product": PRODUCT_SETTINGS,
    "how a run is started": START_SETTINGS,
    "where the model runs": ENDPOINT_SETTINGS + HOSTING_SETTINGS,
    "for operators": OPERATORS_SETTINGS,
}
