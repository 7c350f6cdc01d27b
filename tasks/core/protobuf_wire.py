"""Protocol Buffers' wire format, as far as files and answers of models need it: fields by number, without a schema.

Source: https://protobuf.dev/programming-guides/encoding.
"""

from collections.abc import Iterator

VARINT, FIXED_64, BYTES, FIXED_32 = 0, 1, 2, 5
FIXED_SIZES = {FIXED_64: 8, FIXED_32: 4}
VARINT_BITS = 64
CONTINUED = 0x80

Value = memoryview | int


def fields(message: memoryview) -> Iterator[tuple[int, Value]]:
    """Number and value of each field; of those of fixed size, 0 in place of the value.

    Raises:
        ValueError: It is no message, or ends too early.
    """
    at = 0
    while at < len(message):
        tag, at = varint(message, at)
        number, wire = tag >> 3, tag & 7
        if wire == VARINT:
            value, at = varint(message, at)
            yield number, value
            continue
        if wire == BYTES:
            length, at = varint(message, at)
        elif wire in FIXED_SIZES:
            length = FIXED_SIZES[wire]
        else:
            raise ValueError(f"a field of wire type {wire}")
        if at + length > len(message):
            raise ValueError("it ends too early")
        yield number, message[at : at + length] if wire == BYTES else 0
        at += length


def varint(message: memoryview, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, and the position behind it."""
    number = shift = 0
    while shift < VARINT_BITS:
        byte = message[at]
        number |= (byte & (CONTINUED - 1)) << shift
        at, shift = at + 1, shift + 7
        if byte < CONTINUED:
            return number, at
    raise ValueError("a number of more than 64 bits")


def of_bytes(number: int, content: bytes) -> bytes:
    """A field that holds bytes, a text or another message."""
    return of_varint(number << 3 | BYTES) + of_varint(len(content)) + content


def of_varint(number: int) -> bytes:
    """A number of seven bits a byte, the lowest first."""
    groups = bytearray()
    while number >= CONTINUED:
        groups.append(number & (CONTINUED - 1) | CONTINUED)
        number >>= 7
    return bytes([*groups, number])
