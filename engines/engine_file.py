"""An `.engine` file: a TensorRT plan behind the card that says what it is and where it runs.

    8 bytes    magic
    4 bytes    length of the header, little endian
    32 bytes   SHA-256 of the header
    header     JSON: {"card": {...}, "plan_bytes": ..., "plan_sha256": "..."}
    plan       to the end of the file

Nothing of the plan reaches TensorRT before every byte was counted and hashed. The hashes find
damage, not malice: a plan is executable code, and whom to believe is `engine_cache`'s question.
Knows neither TensorRT nor CUDA.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from pose.card import ModelCard
from pose.errors import EngineError, ModelFileError, OutputError

SUFFIX = ".engine"
MAGIC = b"POSEENG1"
_HEADER_LENGTH = struct.Struct("<I")
_DIGEST_BYTES = 32
_START = len(MAGIC) + _HEADER_LENGTH.size + _DIGEST_BYTES
_LONGEST_HEADER = 1 << 20
_BARE_PLAN = b"vtrt"  # at the start of what TensorRT-RTX writes; TensorRT's own start with "ftrt"


@dataclass(frozen=True, slots=True)
class BuiltFor:
    """What an engine was built from and for; the card's `built_for` holds it as text.

    Attributes:
        backend: Module that reads the plan: `tensorrt` or `tensorrt_rtx`.
        tensorrt: Version of that module, in full.
        onnx: The ONNX file's name or a model's, for the line that builds it again.
        onnx_sha256: Checksum of the ONNX file that the user gave, in hexadecimal.
        min_shape: Smallest input, `1x3x256x192`.
        opt_shape: The input that it is fastest at.
        max_shape: Largest input.
        gpu: Name of the GPU; empty where it was built without one.
        compute_capability: Such as `9.0`; empty without a GPU.
        cuda: CUDA version of the driver, such as `13.0`; empty without one.
        driver: Version of the driver; empty without one.
        options: What else was asked for, as flags of `main.py build`.
        verified: What the comparison with ONNX Runtime found; empty if it did not run.
    """

    backend: str
    tensorrt: str
    onnx: str
    onnx_sha256: str
    min_shape: str
    opt_shape: str
    max_shape: str
    gpu: str = ""
    compute_capability: str = ""
    cuda: str = ""
    driver: str = ""
    options: str = ""
    verified: str = ""

    @property
    def max_batch(self) -> int:
        """Most pictures in one run."""
        return shape_from_text(self.max_shape)[0]


@dataclass(frozen=True, slots=True)
class Here:
    """What would run an engine: the machine's side of `BuiltFor`."""

    backend: str
    tensorrt: str
    gpu: str
    compute_capability: str


@dataclass(frozen=True, slots=True)
class EngineFile:
    """A file that was read whole and is as it was written.

    Attributes:
        card: How to feed the network; `card.built_for` is `built_for` as text.
        built_for: Where it runs.
        plan: For TensorRT's `deserialize_cuda_engine`; empty from `read_header`.
    """

    card: ModelCard
    built_for: BuiltFor
    plan: bytes


def write_engine(path: Path, card: ModelCard, built_for: BuiltFor, plan: bytes) -> Path:
    """Write an engine file that only its owner can read, complete or not at all.

    Args:
        path: Where; an older file is replaced in one step.
        card: Of the network; its `built_for` is replaced, its `precision` is the caller's.
        built_for: What the plan was built from and for.
        plan: What TensorRT's builder gave.

    Raises:
        OutputError: It cannot be written.
    """
    card = replace(card, built_for=asdict(built_for))
    text = json.dumps(
        {
            "card": json.loads(card.to_json()),
            "plan_bytes": len(plan),
            "plan_sha256": hashlib.sha256(plan).hexdigest(),
        }
    ).encode()
    start = MAGIC + _HEADER_LENGTH.pack(len(text)) + hashlib.sha256(text).digest()
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)  # an older one may have other rights
        with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(start + text)
            file.write(plan)
            file.flush()
            os.fsync(file.fileno())  # a rename may reach the disk before the content does
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):  # the first error is the one to tell
            part.unlink(missing_ok=True)
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
    return path


def read_engine(path: Path) -> EngineFile:
    """Read an engine file whole.

    Raises:
        ModelFileError: Not an engine of this program, cut short, longer than written, or altered
            in any byte; the message names the line that builds it again.
    """
    return _read(path, with_plan=True)


def read_header(path: Path) -> EngineFile:
    """Read card and `built_for` alone, with an empty plan; the plan is not looked at.

    Raises:
        ModelFileError: As `read_engine`, as far as the header and the file's size can tell.
    """
    return _read(path, with_plan=False)


def check_runs_here(path: Path, built_for: BuiltFor, here: Here) -> None:
    """Refuse a plan that another TensorRT or another GPU was meant to run.

    Raises:
        EngineError: It is foreign; the message names the line that builds it again.
    """
    for what, wanted, found in (
        ("for", built_for.backend, here.backend),
        (f"with {built_for.backend}", built_for.tensorrt, here.tensorrt),
        ("for compute capability", built_for.compute_capability, here.compute_capability),
        ("for", built_for.gpu, here.gpu),
    ):
        if wanted and wanted != found:  # a plan built without a GPU names none
            raise EngineError(
                f"{path} was built {what} {wanted}, here is {found or 'none'}; "
                f"run: {rebuild_line(path, built_for)}"
            )


def check_current(path: Path, built_for: BuiltFor, onnx_sha256: str) -> None:
    """Refuse a plan whose network has changed since.

    Args:
        path: The engine, for the message.
        built_for: Its own word.
        onnx_sha256: Checksum of the ONNX file as it is now, in hexadecimal.

    Raises:
        ModelFileError: It is stale; the message names the line that builds it again.
    """
    if built_for.onnx_sha256 != onnx_sha256:
        raise ModelFileError(
            f"{path} was built from another {built_for.onnx} (SHA-256 "
            f"{built_for.onnx_sha256[:12]}…, now {onnx_sha256[:12]}…); "
            f"run: {rebuild_line(path, built_for)}"
        )


def rebuild_line(path: Path, built_for: BuiltFor | None = None) -> str:
    """The command that builds an engine again, as well as its header tells."""
    if built_for is None:
        return f"main.py build --onnx MODEL.onnx --out {path}"
    return f"main.py build --onnx {built_for.onnx} --out {path} {built_for.options}".rstrip()


def shape_from_text(text: str) -> tuple[int, ...]:
    """`1x3x256x192` -> (1, 3, 256, 192)."""
    return tuple(int(side) for side in text.split("x"))


def shape_text(shape: tuple[int, ...]) -> str:
    """(1, 3, 256, 192) -> `1x3x256x192`."""
    return "x".join(map(str, shape))


def _read(path: Path, with_plan: bool) -> EngineFile:
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            header = _header(file.read(_START), file.read(_LONGEST_HEADER), path)
            text_end = _START + header.pop("header_bytes")
            if size != text_end + header["plan_bytes"]:
                raise _damaged(
                    path,
                    f"expected {text_end + header['plan_bytes']} bytes, got {size}",
                )
            card = ModelCard.from_json(json.dumps(header["card"]), str(path))
            built_for = _built_for(card.built_for, path)
            file.seek(text_end)
            plan = file.read() if with_plan else b""
    except OSError as error:
        raise ModelFileError(
            f"{path}: expected an engine, got: {error.strerror or error}; run: {rebuild_line(path)}"
        ) from error
    if with_plan and hashlib.sha256(plan).hexdigest() != header["plan_sha256"]:
        raise _damaged(path, "the plan is not the one that was written", built_for)
    return EngineFile(card, built_for, plan)


def _header(start: bytes, rest: bytes, path: Path) -> dict[str, Any]:
    """The header's JSON, and its length under `header_bytes`."""
    if start[: len(MAGIC)] != MAGIC:
        kind = f"{len(start) + len(rest)} bytes" if len(start) < _START else "something else"
        if start[:4] in (_BARE_PLAN, b"ftrt"):
            kind = "a bare TensorRT plan, which does not say how to feed it"
        raise ModelFileError(
            f"{path}: expected an engine of this program, got {kind}; run: {rebuild_line(path)}"
        )
    if len(start) < _START:
        raise _damaged(path, f"it ends after {len(start)} bytes")
    (length,) = _HEADER_LENGTH.unpack_from(start, len(MAGIC))
    text = rest[:length]
    if length > _LONGEST_HEADER or hashlib.sha256(text).digest() != start[-_DIGEST_BYTES:]:
        raise _damaged(path, "its header is not the one that was written")
    try:
        header = json.loads(text)
        wanted = {"card": dict, "plan_bytes": int, "plan_sha256": str}
        if any(not isinstance(header[key], kind) for key, kind in wanted.items()):
            raise TypeError("a field of another kind")
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(path, f"its header lacks something: {error}") from error
    return {**header, "header_bytes": length}


def _built_for(values: Mapping[str, str], path: Path) -> BuiltFor:
    try:
        built_for = BuiltFor(**values)
        if any(not isinstance(getattr(built_for, each.name), str) for each in fields(BuiltFor)):
            raise TypeError("a field that is no text")
        if not built_for.min_shape or built_for.max_batch < 1:
            raise ValueError("no room for a picture")
    except (TypeError, ValueError) as error:
        raise ModelFileError(
            f"{path}: its card does not say what it was built for ({error}), as another version "
            f"of this program wrote it; run: {rebuild_line(path)}"
        ) from error
    return built_for


def _damaged(path: Path, why: str, built_for: BuiltFor | None = None) -> ModelFileError:
    return ModelFileError(
        f"{path} is cut short or altered ({why}); run: {rebuild_line(path, built_for)}"
    )
