"""Class probabilities as SageMaker's built-in semantic segmentation answers them: RecordIO around a protobuf Record.

A client asks for them with ``Accept: application/x-recordio-protobuf``. The record has two features: ``target``, values
in float32, and ``shape``, int32: (1, classes, height, width). Sources: SageMaker's developer guide, "Semantic
Segmentation Algorithm" and "Common Data Formats for Training" (the schema ``aialgs.data.Record``); MXNet's RecordIO
is a magic number, the length, the record, and zeros up to a multiple of four bytes.
"""

import struct
from collections.abc import Iterator
from itertools import islice

import numpy as np

from tasks.core.arrays import Float32Array
from tasks.core.protobuf_wire import Value, fields, of_bytes, of_varint, varint

MAGIC = struct.pack("<I", 0xCED7230A)
HEAD_BYTES, WHOLE_RECORD_BITS, ALIGNED_BYTES = 8, 29, 4
FEATURES, KEY, VALUE = 1, 1, 2
FLOAT32_TENSOR, INT32_TENSOR, VALUES = 2, 7, 1
TARGET, SHAPE = "target", "shape"
AXES = 4
MOST_FIELDS = 64  # of a message; a small answer could hold millions of empty ones


def is_record(content: bytes) -> bool:
    """Whether an answer looks like one."""
    return content.startswith(MAGIC)


def encode(probabilities: Float32Array) -> bytes:
    """Encode float32 (classes, height, width)."""
    shape = b"".join(map(of_varint, (1, *probabilities.shape)))
    values = np.ascontiguousarray(probabilities, "<f4").tobytes()
    record = _feature(TARGET, FLOAT32_TENSOR, values) + _feature(SHAPE, INT32_TENSOR, shape)
    padding = bytes(-len(record) % ALIGNED_BYTES)
    return b"".join([MAGIC, struct.pack("<I", len(record)), record, padding])


def _feature(name: str, kind: int, values: bytes) -> bytes:
    tensor = of_bytes(kind, of_bytes(VALUES, values))
    return of_bytes(FEATURES, of_bytes(KEY, name.encode()) + of_bytes(VALUE, tensor))


def decode(content: bytes) -> Float32Array:
    """The probabilities, float32 (classes, height, width), as they were answered: whoever asked judges them.

    Raises:
        ValueError: It is no such record, or not whole.
    """
    if not is_record(content) or len(content) < HEAD_BYTES:
        raise ValueError("no RecordIO")
    (length,) = struct.unpack_from("<I", content, len(MAGIC))
    if length >> WHOLE_RECORD_BITS or HEAD_BYTES + length > len(content):
        raise ValueError(f"a record of {length} bytes in {len(content)}")
    try:
        tensors = dict(_tensors(memoryview(content)[HEAD_BYTES : HEAD_BYTES + length]))
        shape = _numbers(tensors[SHAPE, INT32_TENSOR])[: AXES + 1]
        parts = [np.frombuffer(_view(part), "<f4") for part in tensors[TARGET, FLOAT32_TENSOR]]
        values = parts[0] if len(parts) == 1 else np.concatenate(parts)
    except (IndexError, KeyError) as error:
        raise ValueError(f"a record without {error}") from error
    if len(shape) != AXES or shape[0] != 1 or values.size != np.prod(shape):
        raise ValueError(f"{values.size} values for the shape {shape}")
    return values.reshape(shape[1:]).astype(np.float32, copy=False)


def _tensors(record: memoryview) -> Iterator[tuple[tuple[str, int], list[Value]]]:
    """The values of each feature's tensor, by the feature's name and the tensor's kind."""
    for number, feature in _few(record):
        if number == FEATURES and isinstance(feature, memoryview):
            entry = dict(_few(feature))
            for kind, tensor in _few(_view(entry[VALUE])):
                values = [value for field, value in _few(_view(tensor)) if field == VALUES]
                yield (bytes(_view(entry[KEY])).decode(errors="replace"), kind), values


def _few(message: memoryview) -> list[tuple[int, Value]]:
    """The fields of a message.

    Raises:
        ValueError: There are more than any record of ours has.
    """
    found = list(islice(fields(message), MOST_FIELDS + 1))
    if len(found) > MOST_FIELDS:
        raise ValueError("more fields than a record has")
    return found


def _numbers(values: list[Value]) -> list[int]:
    """Integers, packed or each a field; no more of them than are too many."""
    numbers: list[int] = []
    for value in values:
        if not isinstance(value, memoryview):
            numbers.append(value)
            continue
        at = 0
        while at < len(value) and len(numbers) <= AXES:
            number, at = varint(value, at)
            numbers.append(number)
    return numbers


def _view(value: Value) -> memoryview:
    if not isinstance(value, memoryview):
        raise ValueError("a number in place of a message")  # noqa: TRY004 - of what was answered
    return value
