"""What is found out before anything is started: what can be refused within a second, and what is to be done."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from types import MappingProxyType

from flows.parameters import RunParameters
from tasks.core.errors import DatasetNotFound, EndpointRefused, FloodExtentError, UnusableArgument
from tasks.core.formats.product_files import FORMATS, check_formats
from tasks.core.geo.crs import given_crs
from tasks.core.models.nir_threshold import Split
from tasks.core.tiles.estimates import PIXELS_A_MEGAPIXEL
from tasks.core.tiles.jobs import TileJob, plan_jobs
from tasks.core.tiles.tile import Tile
from tasks.services import storage
from tasks.services.endpoints.endpoint_kinds import BATCH, LOCAL, endpoint_service
from tasks.services.endpoints.sagemaker.batch.batch_files import check_work_directory
from tasks.services.exposure_files import check_exposure
from tasks.services.publishing import publishing

WRITTEN = ("output_directory", "work_directory", "log_storage_directory")


def check(parameters: RunParameters, model_identity: str | None = None, *, writing: bool = True) -> str:
    """Refuse parameters with which a run could not end well.

    Args:
        parameters: What is asked.
        model_identity: What the endpoint's service says of the model; None: it is asked.
        writing: Whether to try the output, work and log directories by writing to them.

    Returns:
        The model's identity.

    Raises:
        UnusableArgument: With the reason.
    """
    if parameters.crs is not None:
        given_crs(parameters.crs)
    _check_formats(parameters.formats)
    if not (storage.exists(parameters.dataset) or storage.is_folder(parameters.dataset)):
        raise DatasetNotFound(f"dataset {parameters.dataset!r} does not exist. Check the name")
    check_exposure(parameters.exposure)
    if parameters.endpoint == BATCH:
        check_work_directory(parameters.work_directory)
    identity = model_identity or identity_of_model(parameters)
    publishing.check_owner(product_uri(parameters), storage.resolve(parameters.dataset))
    if writing:
        for name in WRITTEN:
            _check_writable(name, getattr(parameters, name))
    return identity


def _check_formats(formats: Sequence[str]) -> None:
    """Whether what the product is to be written with is installed."""
    check_formats([name for name in formats if name in FORMATS])
    if "pdf" in formats and find_spec("matplotlib") is None:
        raise UnusableArgument(
            '`formats` pdf needs the package matplotlib, of the extra "map": pip install "flood-extent[map]"'
        )


def identity_of_model(parameters: RunParameters) -> str:
    """What the endpoint's service says of the model.

    Raises:
        UnusableArgument: There is no such model.
    """
    try:
        return endpoint_service(parameters.endpoint_spec()).model_identity()
    except EndpointRefused as error:
        asked = f"`model` {parameters.model}: " if parameters.endpoint == LOCAL else ""
        raise UnusableArgument(f"{asked}{error}") from error


def plan_tiles(
    parameters: RunParameters,
    tiles: Sequence[Tile],
    model_identity: str,
    told: Mapping[str, Split] = MappingProxyType({}),
) -> list[TileJob]:
    """What is to be done for each tile; ``told`` is what the model is told, by tile id."""
    return plan_jobs(
        tiles,
        width_px=parameters.width,
        model_identity=model_identity,
        flood_labels=parameters.flood_labels,
        max_pixels=parameters.max_tile_megapixels * PIXELS_A_MEGAPIXEL,
        work_directory=storage.resolve(parameters.work_directory),
        with_confidence=parameters.asks_confidence,
        chips=parameters.chips,
        class_map=parameters.labels,
        told=told,
    )


def _check_writable(name: str, directory: str) -> None:
    try:
        publishing.check_writable(directory)
    except FloodExtentError as error:
        raise type(error)(f"`{name}` {error}") from error


def product_uri(parameters: RunParameters) -> str:
    """Where the product goes: a folder named after the dataset."""
    return publishing.product_place(parameters.output_directory, parameters.dataset)
