"""The models that the server can load: the built-in baseline by its name, any ONNX file by its path."""

from collections.abc import Callable
from dataclasses import dataclass

from tasks.core.arrays import Float32Array, UInt8Array
from tasks.core.errors import EndpointRefused
from tasks.core.models import onnx_model, water_index

WATER_INDEX = "water-index"
NOT_MAPPED = "`labels` are for a model of other classes: water-index answers flood or not. Leave them out"
# The header of SageMaker's contract in which a request says what a model should know besides the image.
ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
# That of our own, by which a server with more to do than it can shares its places among those that ask.
CLIENT = "x-flood-extent-client"
# What a model is sent, and what it may be asked to answer: a label mask, or probabilities in RecordIO.
JPEG_TYPE, PNG_TYPE, RECORD_TYPE = "image/jpeg", "image/png", "application/x-recordio-protobuf"
# Of a request and of an answer: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
MAX_BODY_BYTES = 6 * 1024 * 1024

Predict = Callable[[UInt8Array, str], UInt8Array]
"""NRG uint8 (height, width, 3) and the request's attributes (``water_index.attributes``; empty where there are none) to
labels uint8 (height, width): 0 other, 1 flood, 2 flood with cloud, and 3 ignored, where a class map says so."""

Probabilities = Callable[[UInt8Array, str], Float32Array | None]
"""The same, to probabilities float32 (2 to 4, height, width) by label; None where the model has labels alone."""


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded model.

    Attributes:
        predict: Labels.
        probabilities: How sure they are.
    """

    predict: Predict
    probabilities: Probabilities = lambda nrg, attributes: None  # noqa: ARG005 - of one that has labels alone


def is_calibrated(model: str) -> bool:
    """Whether the model's answers depend on a threshold that is found over the dataset."""
    return model == WATER_INDEX


def identity(model: str) -> str:
    """What the model's answers depend on, for cache keys: cheap, and known without loading it.

    Raises:
        EndpointRefused: There is no such model.
    """
    return water_index.identity() if model == WATER_INDEX else onnx_model.identity(onnx_model.checked_path(model))


def load(model: str, device: str = "auto", class_map: tuple[int, ...] | None = None) -> Model:
    """Load a model.

    Args:
        model: ``water-index``, or the path of an ONNX file.
        device: Where ONNX runs: ``cpu``, ``cuda`` or ``auto``.
        class_map: The label of each class of an ONNX model; None: its metadata say it.

    Raises:
        EndpointRefused: There is no such model, or it cannot be used.
    """
    if model == WATER_INDEX:
        if class_map is not None:
            raise EndpointRefused(NOT_MAPPED)
        return Model(water_index.predict, water_index.probabilities)
    loaded = onnx_model.load(onnx_model.checked_path(model), device, class_map)
    return Model(lambda nrg, _: loaded.predict(nrg), lambda nrg, _: loaded.probabilities(nrg))
