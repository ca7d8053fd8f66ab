"""What `main.py build` is asked to write, and one line for whatever of it cannot be meant.

All is looked at before any work: an export takes a minute, an engine many.
"""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from engines.engine_file import SUFFIX
from pose.errors import OutputError, UsageError

if TYPE_CHECKING:
    from build_engine.build import Config

PACKED = ".safetensors"
ONNX = ".onnx"

_OF_AN_EXPORT = frozenset({"checkpoint", "input_size", "onnx", "measured", "name"})
_OF_A_PRECISION = frozenset({"onnx", "out", "precision", "keep_fp32", "pictures", "calibrate_on"})
_OF_AN_ENGINE = _OF_A_PRECISION | {
    "side", "batch", "backend", "workspace_mib", "level", "dla_core", "timing_cache",
}  # fmt: skip


def export_to(config: Config) -> Path | None:
    """The ONNX file that the weights become; None if there is none to write.

    Raises:
        UsageError: There is one, but nothing says where.
    """
    if config.checkpoint is None or _ending(config) == PACKED:
        return None
    if config.onnx:
        return Path(config.onnx)
    if config.out is None or config.out.suffix != SUFFIX:
        raise UsageError("expected --onnx beside --checkpoint: where to write the ONNX file")
    return config.out.with_suffix(ONNX)


def check(config: Config) -> None:
    """Refuse what cannot be done.

    Raises:
        UsageError: Flags that are missing, have no effect together, or name the wrong kind of file.
        OutputError: What is written would take the place of what is read, or has no place.
    """
    if config.checkpoint is None and (config.measured or config.name or config.input_size):
        raise UsageError(
            "--measured, --name and --input-size are about an export: give --checkpoint too"
        )
    if config.checkpoint is None and not config.onnx:
        raise UsageError("expected --checkpoint or --onnx; see main.py build --help")
    exported = export_to(config)
    written = [path for path in (exported, config.out, config.timing_cache) if path is not None]
    _refuse_inputs(config, written)
    if exported is not None and exported.suffix != ONNX:
        raise UsageError(f"--onnx: expected a file ending in {ONNX} to write, got {exported}")
    if _ending(config) not in ("", ONNX, SUFFIX, PACKED):
        raise UsageError(f"--out: expected a file ending in {SUFFIX} or {ONNX}, got {config.out}")
    if config.checkpoint is None and _ending(config) == PACKED:
        raise UsageError(f"--out: a file ending in {PACKED} is made of --checkpoint; give it too")
    _refuse_idle(config)
    if _ending(config) == ONNX and config.precision == "fp32":
        raise UsageError("expected --precision fp16 or int8 with --out X.onnx, got fp32")
    for path in written:
        _check_place(path)


def _ending(config: Config) -> str:
    """Of --out; empty for the cache, or for an export alone."""
    return "" if config.out is None else config.out.suffix or config.out.name


def _refuse_inputs(config: Config, written: list[Path]) -> None:
    read = [config.checkpoint] if config.checkpoint else [Path(config.onnx)]
    read += [Path(what.rpartition("=")[2]) for what in config.measured]
    places = [os.path.realpath(path) for path in (*read, *written)]
    for path in written:
        if places.count(os.path.realpath(path)) > 1:
            raise OutputError(f"{path} is read or written already; give it another name")


def _refuse_idle(config: Config) -> None:
    """UsageError for flags that would change nothing in what is written."""
    ending = _ending(config)
    if ending == PACKED:
        counts = frozenset({"checkpoint", "out"})
    elif ending == ONNX:
        counts = _OF_A_PRECISION
    elif ending == SUFFIX or config.checkpoint is None:
        counts = _OF_AN_ENGINE
    else:
        counts = frozenset()
    if config.checkpoint is not None and ending != PACKED:
        counts |= _OF_AN_EXPORT
    idle = [
        f"--{field.name.replace('_', '-')}"
        for field in fields(config)
        if field.name not in counts and getattr(config, field.name) != field.default
    ]
    if idle:
        what = f"--out {config.out}" if config.out is not None else "the export of --checkpoint"
        more = "" if config.out is not None else f", or name X{SUFFIX} or X{ONNX} with --out"
        raise UsageError(f"{', '.join(idle)} would change nothing in {what}; leave it out{more}")


def _check_place(path: Path) -> None:
    """OutputError where no file can come to be."""
    if path.is_dir():
        raise OutputError(f"{path} is a folder, expected the name of a file; give another name")
    above = next(each for each in path.absolute().parents if os.path.exists(each))
    if not above.is_dir():
        raise OutputError(f"{path}: {above} is a file, expected a folder; give another place")
    if not os.access(above, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: cannot be written: {above} is not yours; give another place")
