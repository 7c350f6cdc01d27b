"""The parameters of a run: names, bounds and defaults, for the run form, the command line and the flow alike."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

LABELS = frozenset({1, 2})


def _known_labels(labels: list[int]) -> list[int]:
    if not labels or not LABELS.issuperset(labels):
        raise ValueError(f"flood labels are 1 (flood) and 2 (flood with cloud), not {labels}")
    return sorted(set(labels))


Text = Annotated[str, Field(min_length=1)]
Endpoint = Literal["local", "sagemaker"]
InstanceCount = Annotated[int, Field(ge=1, le=20)]
Width = Annotated[int, Field(ge=16, le=10_000)]
SquareMetres = Annotated[float, Field(ge=0, allow_inf_nan=False)]
FloodLabels = Annotated[list[int], Field(min_length=1), AfterValidator(_known_labels)]
Share = Annotated[float, Field(ge=0, le=1)]
Minutes = Annotated[int, Field(ge=10, le=1440)]
Megapixels = Annotated[int, Field(ge=1, le=10_000)]


class RunParameters(BaseModel):
    """What a run is asked to do, checked; the flow's docstring describes each field."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: Text
    output_directory: Text = "out"
    endpoint: Endpoint = "local"
    training_job: Text | None = None
    model: Text = "water-index"
    instance_type: Text = "ml.c5.xlarge"
    instance_count: InstanceCount = 1
    width: Width = 1000
    min_contour_size: SquareMetres = 25.0
    flood_labels: FloodLabels = [1, 2]
    failure_tolerance: Share = 0.0
    crs: Text | None = None
    max_endpoint_minutes: Minutes = 240
    work_directory: Text = "work"
    log_storage_directory: Text = "logs"
    log_file_prefix: Text = "flood_extent"
    keep_work: bool = False
    max_tile_megapixels: Megapixels = 400

    @model_validator(mode="after")
    def _sagemaker_needs_a_training_job(self) -> Self:
        if self.endpoint == "sagemaker" and not self.training_job:
            raise ValueError("endpoint 'sagemaker' needs a training_job: the finished job whose model to deploy")
        return self
