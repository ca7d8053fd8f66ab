"""Writes TensorFlow's V2 checkpoint, for tests of what reads it; two shards, as nobody asked for.

TensorFlow itself wrote the files in `tf_written/`, which show that this is the real format.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from build_engine.crc32c import crc32c, masked

BLOCK = 4096  # bytes, about
RESTART = 16  # keys
TYPES = {"f": 1, "d": 2, "i": 3, "l": 9}  # numpy's letter -> TensorFlow's number


def write_bundle(prefix: Path, tensors: Mapping[str, np.ndarray], shards: int = 2) -> None:
    """Write `prefix`.index and `prefix`.data-…; the shards take turns."""
    content = [bytearray() for _ in range(shards)]
    entries = {b"": _field(1, shards) + _field(3, _field(1, 1))}
    for index, name in enumerate(sorted(tensors)):
        values, shard = tensors[name], index % shards
        raw = np.ascontiguousarray(values).tobytes()
        shape = b"".join(_field(2, _field(1, side) if side else b"") for side in values.shape)
        entries[name.encode()] = (
            _field(1, TYPES[values.dtype.char])
            + _field(2, shape)
            + (_field(3, shard) if shard else b"")
            + _field(4, len(content[shard]))
            + _field(5, len(raw))
            + _varint(6 << 3 | 5)
            + struct.pack("<I", masked(crc32c(raw)))
        )
        content[shard] += raw
    for shard, data in enumerate(content):
        _beside(prefix, f"data-{shard:05d}-of-{shards:05d}").write_bytes(data)
    _beside(prefix, "index").write_bytes(table(sorted(entries.items())))


def table(entries: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A LevelDB table of sorted keys and their values."""
    written, places, waiting = bytearray(), [], list[tuple[bytes, bytes]]()
    for key, value in entries:
        waiting.append((key, value))
        if sum(len(k) + len(v) for k, v in waiting) > BLOCK:
            places.append((key, _append(written, waiting)))
            waiting = []
    if waiting:
        places.append((waiting[-1][0], _append(written, waiting)))
    nothing = _append(written, [])
    index = _append(written, places)
    footer = (nothing + index).ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)
    return bytes(written + footer)


def _append(written: bytearray, entries: list[tuple[bytes, bytes]]) -> bytes:
    """Append a block with its trailer; answers its handle."""
    block, restarts, before = bytearray(), list[int](), b""
    for index, (key, value) in enumerate(entries):
        shared = 0
        if index % RESTART == 0:
            restarts.append(len(block))
        else:
            while shared < min(len(key), len(before)) and key[shared] == before[shared]:
                shared += 1
        block += _varint(shared) + _varint(len(key) - shared) + _varint(len(value))
        block += key[shared:] + value
        before = key
    restarts = restarts or [0]
    block += struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts))
    handle = _varint(len(written)) + _varint(len(block))
    block += b"\0"  # not compressed
    written += block + struct.pack("<I", masked(crc32c(bytes(block))))
    return handle


def _beside(prefix: Path, ending: str) -> Path:
    return prefix.with_name(f"{prefix.name}.{ending}")


def _field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])
