"""Where the last whole fragment of a half-written mp4 ends.

An mp4 is a row of boxes: 32 bits of size, four letters, content (ISO/IEC 14496-12, section 4.2).
Size 1 means that 64 bits of size follow the letters, size 0 that the box goes to the file's end.
"""

from __future__ import annotations

import struct
from io import FileIO

_FRAGMENT_CONTENT = b"mdat"


def end_of_whole_fragments(file: FileIO) -> int:
    """Walk the boxes from the start of a fragmented mp4.

    Args:
        file: Open for reading; its position is moved.

    Returns:
        The byte after the last box of pictures that is wholly there; 0 if there is none.
    """
    size = file.seek(0, 2)
    start, whole = 0, 0
    while start + 8 <= size:
        file.seek(start)
        header = file.read(16)
        length, kind = struct.unpack_from(">I4s", header)
        if length == 1 and len(header) == 16:
            (length,) = struct.unpack_from(">Q", header, 8)
        if length < 8 or start + length > size:
            break
        start += length
        if kind == _FRAGMENT_CONTENT:
            whole = start
    return whole
