"""The files that an ONNX model is made of: its own, and those that hold the weights which its tensors only refer to.

Read from the file itself, without loading it; the weights are passed over. Source: onnx.proto of ONNX IR version 13.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from tasks.core.errors import EndpointRefused
from tasks.core.protobuf_wire import Value, fields

DEEPEST = 100  # messages within messages, as in Protocol Buffers itself

# Which fields of a message lead to tensors, and to messages of which kind.
FIELDS: dict[str, dict[int, str]] = {
    "ModelProto": {7: "GraphProto", 20: "TrainingInfoProto", 25: "FunctionProto"},
    "GraphProto": {1: "NodeProto", 5: "TensorProto", 15: "SparseTensorProto"},
    "NodeProto": {5: "AttributeProto"},
    "AttributeProto": {
        5: "TensorProto",
        6: "GraphProto",
        10: "TensorProto",
        11: "GraphProto",
        22: "SparseTensorProto",
        23: "SparseTensorProto",
    },
    "SparseTensorProto": {1: "TensorProto", 2: "TensorProto"},
    "FunctionProto": {7: "NodeProto", 11: "AttributeProto"},
    "TrainingInfoProto": {1: "GraphProto", 2: "GraphProto"},
}
TENSOR = "TensorProto"
EXTERNAL_DATA, DATA_LOCATION, EXTERNAL = 13, 14, 1
ENUM_BITS = 0xFFFFFFFF
ENTRY_KEY, ENTRY_VALUE = 1, 2


def weight_files(path: Path) -> list[Path]:
    """The files beside a model that hold weights of its, sorted.

    Raises:
        EndpointRefused: The model cannot be read, or refers to a file that is not there, is a link, or lies elsewhere.
    """
    try:
        with path.open("rb") as file:
            content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        locations = set(_locations(content, "ModelProto", 0))
    except (ValueError, IndexError) as error:
        raise EndpointRefused(f"{path} cannot be loaded as an ONNX model ({error}). Export it again") from error
    return [_checked(path, location) for location in sorted(locations)]


def _locations(message: memoryview, kind: str, depth: int) -> Iterator[str]:
    """Names of weight files in all tensors of a message, at any depth."""
    if depth > DEEPEST:
        raise ValueError("its messages are nested too deeply")
    if kind == TENSOR:
        yield from _of_tensor(message)
        return
    for number, value in fields(message):
        inner = FIELDS[kind].get(number)
        if inner is not None and isinstance(value, memoryview):
            yield from _locations(value, inner, depth + 1)


def _of_tensor(tensor: memoryview) -> Iterator[str]:
    is_external, entries = False, []
    for number, value in fields(tensor):
        if number == DATA_LOCATION and not isinstance(value, memoryview):
            is_external |= value & ENUM_BITS == EXTERNAL
        if number == EXTERNAL_DATA and isinstance(value, memoryview):
            entries.append(dict(fields(value)))
    if not is_external:
        return
    found = [_text(entry.get(ENTRY_VALUE)) for entry in entries if _text(entry.get(ENTRY_KEY)) == "location"]
    if not found:
        raise ValueError("a tensor's data lie in another file, but it names none")
    yield from found


def _text(value: Value | None) -> str:
    return bytes(value).decode() if isinstance(value, memoryview) else ""


def _checked(model: Path, location: str) -> Path:
    """The file that a location names, below the model's folder.

    Raises:
        EndpointRefused: It lies elsewhere, is a link, or is not there.
    """
    inside = PurePosixPath(location)
    if not location or inside.is_absolute() or ".." in inside.parts or "\\" in location or "\0" in location:
        raise EndpointRefused(f"{model} has weights in {location!r}: they must lie in the model's own folder")
    path = model.parent
    for part in inside.parts:
        path = path / part
        if path.is_symlink():
            raise EndpointRefused(
                f"{model} has weights in {location!r}, but {path} is a link: put the file itself there"
            )
    if not path.is_file():
        raise EndpointRefused(f"{model} has weights in {location!r}, which is not there: put the file beside the model")
    return path
