"""TensorFlow's V2 checkpoint ("tensor bundle"), read with numpy and without TensorFlow.

`NAME.index` is a LevelDB table (github.com/google/leveldb, doc/table_format.md): sorted keys with
shared beginnings, in blocks, each followed by its compression and its checksum; at the end the
places of the blocks and a magic number. Under the empty key it holds a header, under a tensor's
name where in `NAME.data-00000-of-00001` its bytes lie, and their checksum (tensor_bundle.proto).
Tensors are read one by one, so an optimiser's, which nobody wants, are never touched.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from build_engine.crc32c import crc32c, masked
from pose.errors import InputError
from pose.protobuf import NotProtobufError, fields, varint

_MAGIC = 0xDB4775248B80FB57
_FOOTER, _TRAILER = 48, 5  # bytes
_PARTS = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")
_PLAIN = 0  # compression; TensorFlow writes no other

# of the header and of an entry, as tensor_bundle.proto numbers them
_SHARDS, _ENDIANNESS = 1, 2
_TYPE, _SHAPE, _SHARD, _OFFSET, _SIZE, _CHECKSUM, _SLICES = 1, 2, 3, 4, 5, 6, 7
_TYPES: Mapping[int, str] = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8", 19: "<f2"}


class _TornError(ValueError):
    """The index is no table, or not all of one."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a tensor lies.

    Attributes:
        kind: TensorFlow's number of its type.
        shape: As TensorFlow orders it; a convolution's is height, width, inputs, outputs.
        shard: Number of the data file.
        offset: In that file.
        size: Bytes.
        checksum: Masked CRC-32C of the bytes.
    """

    kind: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    checksum: int


def bundle_prefix(path: Path) -> Path | None:
    """What the files of a checkpoint have in common, if `path` is that or one of the files."""
    if not path.name:
        return None
    name = _PARTS.sub("", path.name) or path.name
    prefix = path.with_name(name)
    return prefix if _index_of(prefix).is_file() else None


class TfBundle:
    """The tensors of one checkpoint, by name.

    Args:
        prefix: `.../snapshot_350.ckpt`, without `.index`.

    Raises:
        InputError: The index is missing, damaged or not TensorFlow's.
    """

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix
        index = _index_of(prefix)
        try:
            content = memoryview(index.read_bytes())
        except OSError as error:
            raise InputError(f"{index}: cannot be read: {error.strerror or error}") from error
        try:
            values = dict(_table(content))
            self._shards = _shards(values.pop(b"", None))
            self.entries = {name.decode(): _entry(value) for name, value in values.items()}
        except (NotProtobufError, _TornError, UnicodeDecodeError) as error:
            raise InputError(
                f"{index}: expected the index of a TensorFlow checkpoint, "
                f"got {len(content)} bytes that are none or are damaged ({error})"
            ) from error

    def read(self, name: str) -> npt.NDArray[np.generic]:
        """One tensor, its checksum compared.

        Raises:
            InputError: The data file is missing or short, the bytes are not those that were
                written, or the type is not a plain number's.
        """
        entry = self.entries[name]
        file = self.prefix.with_name(
            f"{self.prefix.name}.data-{entry.shard:05d}-of-{self._shards:05d}"
        )
        kind = _TYPES.get(entry.kind)
        if kind is None or entry.size != np.dtype(kind).itemsize * int(np.prod(entry.shape)):
            raise InputError(
                f"{file}: {name} is of TensorFlow's type {entry.kind} and shape {entry.shape} in "
                f"{entry.size} bytes, expected numbers"
            )
        try:
            with file.open("rb") as data:
                data.seek(entry.offset)
                content = data.read(entry.size)
        except OSError as error:
            raise InputError(f"{file}: cannot be read: {error.strerror or error}") from error
        if len(content) != entry.size or masked(crc32c(content)) != entry.checksum:
            raise InputError(
                f"{file}: the bytes of {name} are not those that were written; "
                "fetch the checkpoint again"
            )
        return np.frombuffer(content, kind).reshape(entry.shape)


def _index_of(prefix: Path) -> Path:
    return prefix.with_name(f"{prefix.name}.index")


def _table(content: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Keys and values of a LevelDB table, in its order."""
    footer = content[-_FOOTER:]
    if len(footer) < _FOOTER or struct.unpack("<Q", footer[-8:])[0] != _MAGIC:
        raise _TornError("the last bytes are not those of a table")
    further, at = _handle(footer, 0)
    places, _ = _handle(footer, at)
    if any(_block(content, further)):
        raise _TornError("a table with filters, which TensorFlow does not write")
    for _, place in _block(content, places):
        block, _ = _handle(place, 0)
        yield from _block(content, block)


def _handle(content: memoryview, at: int) -> tuple[tuple[int, int], int]:
    """A block's offset and size, and the position after them."""
    offset, at = varint(content, at)
    size, at = varint(content, at)
    return (offset, size), at


def _block(content: memoryview, place: tuple[int, int]) -> Iterator[tuple[bytes, memoryview]]:
    offset, size = place
    block, trailer = content[offset : offset + size], content[offset + size :][:_TRAILER]
    if len(block) < max(size, 4) or len(trailer) < _TRAILER:
        raise _TornError("a block is missing")
    if masked(crc32c(content[offset : offset + size + 1])) != struct.unpack("<I", trailer[1:])[0]:
        raise _TornError("a block's checksum is another")
    if trailer[0] != _PLAIN:
        raise _TornError(f"compression {trailer[0]}, which TensorFlow does not write")
    (restarts,) = struct.unpack("<I", block[-4:])
    end = size - 4 * (restarts + 1)
    if end < 0:
        raise _TornError("a block ends before it begins")
    entries, at, key = block[:end], 0, b""
    while at < end:
        shared, at = varint(entries, at)
        own, at = varint(entries, at)
        length, at = varint(entries, at)
        if shared > len(key) or at + own + length > end:
            raise _TornError("a key or a value is cut short")
        key = key[:shared] + bytes(entries[at : at + own])
        at += own
        yield key, entries[at : at + length]
        at += length


def _shards(header: memoryview | None) -> int:
    """How many data files there are."""
    if header is None:
        raise _TornError("no header")
    found = dict(fields(header))
    if found.get(_ENDIANNESS, 0) != 0:
        raise _TornError("numbers with the highest byte first")
    return _number(found.get(_SHARDS, 0))


def _entry(message: memoryview) -> Entry:
    found = dict(fields(message))
    if _SLICES in found:
        raise _TornError("a variable that was saved in slices")
    checksum = found.get(_CHECKSUM)
    if not isinstance(checksum, memoryview) or len(checksum) != 4:
        raise _TornError("a tensor without a checksum")
    return Entry(
        kind=_number(found.get(_TYPE, 0)),
        shape=tuple(_shape(found.get(_SHAPE))),
        shard=_number(found.get(_SHARD, 0)),
        offset=_number(found.get(_OFFSET, 0)),
        size=_number(found.get(_SIZE, 0)),
        checksum=struct.unpack("<I", checksum)[0],
    )


def _shape(message: int | memoryview | None) -> Iterator[int]:
    """TensorShapeProto: a field 2 for each side, whose field 1 is its length; 0 is left out."""
    if isinstance(message, memoryview):
        for number, side in fields(message):
            if number == 2 and isinstance(side, memoryview):
                yield _number(dict(fields(side)).get(1, 0))


def _number(value: int | memoryview) -> int:
    if not isinstance(value, int):
        raise _TornError("a message where a number belongs")
    return value
