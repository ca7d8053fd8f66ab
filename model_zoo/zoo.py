"""Which models ship with the program, and where they are.

The files stand in `default/`, their checksums beside them in `SHA256SUMS` (the format of
`sha256sum`, so `cd model_zoo/default && sha256sum -c SHA256SUMS` says the same). Training a model
again means replacing its file and calling `write_checksums()`; no code changes.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pose.card import ModelCard
from pose.errors import ModelFileError, UsageError
from pose.onnx_header import card_in_onnx

DEFAULT_FOLDER = Path(__file__).resolve().parent / "default"
CHECKSUMS = "SHA256SUMS"


@dataclass(frozen=True, slots=True)
class ZooEntry:
    """One model that ships.

    Attributes:
        file: Name of its file in `default/`.
        purpose: What it is for, in a few words.
    """

    file: str
    purpose: str

    def sha256(self, folder: Path = DEFAULT_FOLDER) -> str:
        """Checksum that the file must have, in hexadecimal.

        Raises:
            ModelFileError: None is written down.
        """
        sums = _checksums(folder)
        if self.file not in sums:
            raise ModelFileError(
                f"{folder / CHECKSUMS}: expected a line for {self.file}, got {sorted(sums)}; "
                "run model_zoo.zoo.write_checksums()"
            )
        return sums[self.file]


MODELS: Mapping[str, ZooEntry] = {
    "person": ZooEntry("person.onnx", "frame -> boxes of people"),
    "pose": ZooEntry("pose.onnx", "crop of a person -> heatmaps of 17 COCO keypoints"),
    "pose-lite": ZooEntry(
        "pose-lite.onnx", "the same from a smaller crop, in less than half the time"
    ),
}


def model_path(name_or_path: str | Path, folder: Path = DEFAULT_FOLDER) -> Path:
    """Find a network file; one that ships is compared with its checksum, once per process.

    Args:
        name_or_path: A name of `MODELS`, or a file. A file called like a model is `./pose`.
        folder: Where the models that ship are.

    Raises:
        UsageError: Neither a known name nor the look of a path.
        ModelFileError: No such file, or not the file that was shipped.
    """
    text = os.fspath(name_or_path)
    entry = MODELS.get(text)
    if entry is None:
        path = Path(text)
        if path.is_file():
            return path
        if path.suffix or len(path.parts) > 1:
            kind = "a folder" if path.is_dir() else "nothing"
            raise ModelFileError(
                f"{path}: expected a network file, found {kind}; known names: {', '.join(MODELS)}"
            )
        raise UsageError(
            f"expected a model's name ({', '.join(MODELS)}) or a network file, got {text!r}"
        )
    path = folder / entry.file
    if not path.is_file():
        raise ModelFileError(
            f"{path}: the model {text!r} is not in this copy of the program; "
            "fetch it again, or train it with main.py train"
        )
    status = path.stat()
    found = _sha256(path, status.st_mtime_ns, status.st_size)
    if found != entry.sha256(folder):
        raise ModelFileError(
            f"{path}: expected the file that was shipped (SHA-256 {entry.sha256(folder)[:12]}…), "
            f"got {found[:12]}…; fetch it again, or run model_zoo.zoo.write_checksums() if you "
            "replaced it on purpose"
        )
    return path


def card_of(name_or_path: str | Path, folder: Path = DEFAULT_FOLDER) -> ModelCard:
    """The card inside a model's ONNX file; for other formats ask `open_engine(path).card`.

    Raises:
        UsageError, ModelFileError: As `model_path`; or not ONNX, or without a card.
    """
    path = model_path(name_or_path, folder)
    try:
        return card_in_onnx(path.read_bytes(), str(path))
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read: {error.strerror or error}") from error


def write_checksums(folder: Path = DEFAULT_FOLDER) -> Path:
    """Write down the checksums of the models that are in the folder now; answers the file."""
    path, part = folder / CHECKSUMS, folder / f"{CHECKSUMS}.part"
    present = sorted(entry.file for entry in MODELS.values() if (folder / entry.file).is_file())
    lines = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in present
    ]
    part.write_text("".join(lines), "ascii")
    part.replace(path)
    return path


def _checksums(folder: Path) -> dict[str, str]:
    """File name -> checksum, as `sha256sum` writes them."""
    try:
        text = (folder / CHECKSUMS).read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelFileError(f"{folder / CHECKSUMS}: cannot be read: {error}") from error
    sums = {}
    for line in text.splitlines():
        checksum, _, name = line.partition(" ")
        sums[name.lstrip(" *")] = checksum.lower()
    return sums


@functools.lru_cache(maxsize=32)
def _sha256(path: Path, _mtime_ns: int, _size: int) -> str:
    """Checksum of a file; a changed file has another time or size and is read again."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read: {error.strerror or error}") from error
