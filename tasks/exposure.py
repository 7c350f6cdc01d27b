"""Stage exposure: what people value, measured against the product."""

from collections.abc import Sequence

from prefect.logging import get_run_logger

from tasks.core.exposure.exposure_layers import expose, exposure_warnings
from tasks.core.exposure.ground import bounds_of
from tasks.core.product.layer import Layer
from tasks.runtime.policies import run_task
from tasks.services.exposure_files import read_exposure


@run_task(name="measure-exposure")
def measure_exposure(layers: Sequence[Layer], files: Sequence[str]) -> tuple[list[Layer], tuple[str, ...]]:
    """The product's layers with those of exposure, and what a reader must know of the files."""
    inputs = read_exposure(files, bounds_of(layers))
    exposure = expose(layers, inputs)
    warnings = tuple(exposure_warnings(inputs, exposure))
    for warning in warnings:
        get_run_logger().warning("%s", warning)
    return [*layers, *exposure], warnings
