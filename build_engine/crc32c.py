"""CRC-32C (Castagnoli, RFC 3720 appendix B.4) in numpy: a hundred megabytes in seconds.

A checksum register is linear in its bits. So the bytes are cut into rows, all rows are run through
the register side by side, and neighbours are then joined: the left one is moved on by as many zero
bytes as the right one is long, which is one 32 x 32 matrix of bits.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_POLYNOMIAL = 0x82F63B78  # Castagnoli's, lowest bit first
_ROWS = 1 << 14
_WORD = 4  # bytes that one step takes in

Registers = npt.NDArray[np.uint32]


def crc32c(content: bytes | memoryview) -> int:
    """The checksum of some bytes; 0 for none."""
    if len(content) < _WORD:
        return _byte_by_byte(content)
    rows = 1
    while rows < _ROWS and rows * 64 < len(content):
        rows *= 2
    length = -(-len(content) // (rows * _WORD)) * _WORD  # bytes of a row
    # Zeros in front leave an empty register empty; to start with a full one is to turn the first
    # four bytes over.
    table = np.zeros(rows * length, np.uint8)
    table[-len(content) :] = np.frombuffer(content, np.uint8)
    table[table.size - len(content) :][:_WORD] ^= 0xFF
    words = table.view("<u4").reshape(rows, -1).T

    registers = np.zeros(rows, np.uint32)
    for word in np.ascontiguousarray(words):
        registers ^= word
        registers = _LOW[registers & 0xFFFF] ^ _HIGH[registers >> 16]

    matrix = _zero_bytes(length)
    while len(registers) > 1:
        registers = _apply(matrix, registers[::2]) ^ registers[1::2]
        matrix = _apply(matrix, matrix)
    return int(registers[0]) ^ 0xFFFFFFFF


def masked(checksum: int) -> int:
    """The checksum as TensorFlow and LevelDB store it, beside the bytes that it is of."""
    turned = (checksum >> 15) | (checksum << 17)
    return (turned + 0xA282EAD8) & 0xFFFFFFFF


def _byte_by_byte(content: bytes | memoryview) -> int:
    register = 0xFFFFFFFF
    for byte in content:
        register = int(_BYTE[(register ^ byte) & 0xFF]) ^ (register >> 8)
    return register ^ 0xFFFFFFFF


def _apply(matrix: Registers, registers: Registers) -> Registers:
    """The matrix (32,) of registers, one per bit, times each of the registers (n,)."""
    moved = np.zeros_like(registers)
    for bit, column in enumerate(matrix):
        moved ^= ((registers >> np.uint32(bit)) & np.uint32(1)) * column
    return moved


def _zero_bytes(count: int) -> Registers:
    """The matrix that moves a register on by `count` zero bytes."""
    bits = np.uint32(1) << np.arange(32, dtype=np.uint32)
    step = _BYTE[bits & 0xFF] ^ (bits >> np.uint32(8))  # one byte
    matrix = bits
    while count:
        if count & 1:
            matrix = _apply(step, matrix)
        step = _apply(step, step)
        count >>= 1
    return matrix


def _after_zero_bits(registers: Registers, count: int) -> Registers:
    for _ in range(count):
        odd = registers & np.uint32(1)
        registers = (registers >> np.uint32(1)) ^ odd * np.uint32(_POLYNOMIAL)
    return registers


_BYTE = _after_zero_bits(np.arange(1 << 8, dtype=np.uint32), 8)
_HALVES = np.arange(1 << 16, dtype=np.uint32)
_LOW = _after_zero_bits(_HALVES, 32)  # what a word's low half leaves behind after four bytes
_HIGH = _after_zero_bits(_HALVES << np.uint32(16), 32)
