"""The models that the server can load: the built-in baseline by its name, any ONNX file by its path."""

from collections.abc import Callable

from tasks.core.arrays import UInt8Array
from tasks.core.models import onnx_model, water_index

WATER_INDEX = "water-index"
# The header of SageMaker's contract in which a request says what a model should know besides the image.
ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"

Predict = Callable[[UInt8Array, str], UInt8Array]
"""NRG uint8 (height, width, 3) and the request's attributes (``water_index.answer``; empty where there are none) to
labels uint8 (height, width): 0 other, 1 flood, 2 flood with cloud."""


def is_calibrated(model: str) -> bool:
    """Whether the model's answers depend on a threshold that is found over the dataset."""
    return model == WATER_INDEX


def identity(model: str) -> str:
    """What the model's answers depend on, for cache keys: cheap, and known without loading it.

    Raises:
        EndpointRefused: There is no such model.
    """
    return water_index.identity() if model == WATER_INDEX else onnx_model.identity(onnx_model.checked_path(model))


def load(model: str, device: str = "auto") -> Predict:
    """The function that answers.

    Args:
        model: ``water-index``, or the path of an ONNX file.
        device: Where ONNX runs: ``cpu``, ``cuda`` or ``auto``.

    Raises:
        EndpointRefused: There is no such model, or it cannot be used.
    """
    if model == WATER_INDEX:
        return water_index.answer
    loaded = onnx_model.load(onnx_model.checked_path(model), device)
    return lambda nrg, _: loaded.predict(nrg)
