"""Protocol Buffers read from their bytes, without the package: fields and numbers of a message.

Source: protobuf.dev/programming-guides/encoding. What the fields mean, the caller knows.
"""

from __future__ import annotations

from collections.abc import Iterator

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types


class NotProtobufError(ValueError):
    """The bytes are no message, or end too early."""


def fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Each field's number and value: int for varints, the bytes for everything else.

    Raises:
        NotProtobufError: As soon as the bytes are no message.
    """
    at = 0
    while at < len(message):
        tag, at = varint(message, at)
        number, wire_type = tag >> 3, tag & 7
        if number == 0:
            raise NotProtobufError("field 0")
        if wire_type == _VARINT:
            value, at = varint(message, at)
            yield number, value
            continue
        if wire_type == _BYTES:
            size, at = varint(message, at)
        elif wire_type in (_FIXED64, _FIXED32):
            size = 8 if wire_type == _FIXED64 else 4
        else:
            raise NotProtobufError(f"wire type {wire_type}")
        if at + size > len(message):
            raise NotProtobufError(f"{at + size - len(message)} bytes are missing")
        yield number, message[at : at + size]
        at += size


def varint(message: memoryview, at: int) -> tuple[int, int]:
    """The number at a position, seven bits per byte, lowest first; and the position after it.

    Raises:
        NotProtobufError: The message ends inside the number, or it has no end.
    """
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise NotProtobufError("the end comes inside a number")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise NotProtobufError("a number of more than 10 bytes")
