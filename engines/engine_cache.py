"""Where engines live that were built on this machine, and which engine files are believed.

A plan is executable code: whoever can write one can run anything as the user who opens it. So an
engine is opened from this folder, which only its owner can enter, or because the user said
`--trust`. Its name holds all that it was built from and for; change any of that and another file is
looked for, so nothing stale is ever found.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from pathlib import Path

from engines.engine import read_network_file
from engines.engine_file import SUFFIX, Here, rebuild_line
from pose.errors import EngineError, OutputError

_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_OPEN_TO_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def cache_folder(kind: str = "engines") -> Path:
    """The user's own folder for what is built on this machine, made where it is missing.

    Args:
        kind: Name of the folder inside `$XDG_CACHE_HOME/cascaded-pose`, `~/.cache` if not set.

    Raises:
        EngineError: It belongs to somebody else, or others can write into it.
        OutputError: It cannot be made.
    """
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(home) / "cascaded-pose" / kind
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
        if stat.S_ISDIR(status.st_mode) and _is_ours(status):
            if stat.S_IMODE(status.st_mode) & _OPEN_TO_OTHERS:
                folder.chmod(0o700)  # others may not even look
            return folder
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {error.strerror or error}") from error
    raise EngineError(
        f"{folder} must be a folder that only you can write, as it holds executable code; "
        f"remove it, or set XDG_CACHE_HOME to a place of your own"
    )


def cached_engine(onnx: Path, precision: str, here: Here) -> Path:
    """Where the engine of an ONNX file is, or would be, on this machine.

    Args:
        onnx: ONNX file as the user gave it, before any change of precision.
        precision: `fp32`, `fp16` or `int8`.
        here: What would run it.

    Raises:
        ModelFileError: The ONNX file cannot be read.
        EngineError, OutputError: As `cache_folder`.
    """
    key = json.dumps(
        [
            onnx_sha256(onnx), precision, here.backend, here.tensorrt, here.gpu,
            here.compute_capability,
        ]
    )  # fmt: skip
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]
    gpu = re.sub(r"[^a-z0-9]+", "-", here.gpu.lower()).strip("-") or "no-gpu"
    return cache_folder() / f"{onnx.stem}-{precision}-{gpu}-{digest}{SUFFIX}"


def find_cached(onnx: Path, precision: str, here: Here) -> Path | None:
    """The engine of an ONNX file if it was built for this machine, else None.

    Raises:
        ModelFileError, EngineError, OutputError: As `cached_engine`.
    """
    path = cached_engine(onnx, precision, here)
    return path if path.is_file() else None


def check_trusted(path: Path, trust: bool) -> None:
    """Refuse an engine that is neither from the cache nor trusted by word.

    Args:
        path: Engine file.
        trust: The user's word for it (`--trust`).

    Raises:
        EngineError: It may be anybody's code.
    """
    if trust:
        return
    try:
        ours = _is_ours(path.stat()) and path.resolve().parent == cache_folder().resolve()
    except FileNotFoundError:
        return  # whoever reads it says what is missing
    except OSError as error:
        raise EngineError(f"{path}: cannot be looked at: {error.strerror or error}") from error
    if not ours:
        raise EngineError(
            f"{path} lies outside {cache_folder()}, and an engine is executable code: pass "
            f"--trust if you built it or know who did, or run: {rebuild_line(path)}"
        )


def onnx_sha256(onnx: Path) -> str:
    """Checksum of an ONNX file, in hexadecimal; ModelFileError if it cannot be read."""
    return hashlib.sha256(read_network_file(onnx)).hexdigest()


def _is_ours(status: os.stat_result) -> bool:
    owner = getattr(os, "getuid", lambda: status.st_uid)()  # Windows has no such thing
    return status.st_uid == owner and not stat.S_IMODE(status.st_mode) & _WRITABLE_BY_OTHERS
