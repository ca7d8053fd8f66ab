"""What a batch is made of: the inputs that words stand for, and a name for each one's results."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Collection, Iterable, Sequence
from os.path import isdir, isfile  # what may not be looked at is none; pathlib's raise there
from pathlib import Path

from app.sinks.part_file import part_path
from app.sources.images import IMAGE_SUFFIXES, natural_key
from pose.errors import OutputError, UsageError

# What is taken from a folder; a file that is named outright is tried whatever its name.
VIDEO_SUFFIXES = frozenset(
    ".3gp .asf .avi .f4v .flv .gif .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .mxf .ogv .ts .vob "
    ".webm .wmv".split()
)

_MOST_BYTES = 180  # of a result's name without its suffix


def expanded(text: str) -> list[str]:
    """What an argument stands for: videos one by one, pictures of a folder or pattern together.

    An argument that stands for nothing comes back as it is; opening it tells what is wrong.
    """
    path = Path(text)
    if text.strip() and isdir(text):  # Path("") is the folder that one happens to be in
        try:
            files = [each for each in path.iterdir() if isfile(each) and each.name[0] != "."]
        except OSError:
            return [text]
        videos = [each for each in files if each.suffix.lower() in VIDEO_SUFFIXES]
    elif glob.has_magic(text) and not os.path.exists(text):
        files = [each for each in map(Path, glob.glob(text, recursive=True)) if isfile(each)]
        videos = [each for each in files if each.suffix.lower() not in IMAGE_SUFFIXES]
    else:
        return [text]
    pictures = any(each.suffix.lower() in IMAGE_SUFFIXES for each in files)
    found = [str(each) for each in sorted(videos, key=natural_key)]
    return [*found, text] if pictures or not found else found


def are_pictures(text: str) -> bool:
    """Whether an input, as `expanded` gives it, is pictures and no video file."""
    path = Path(text)
    pattern = glob.has_magic(text) and not os.path.exists(text)
    return pattern or isdir(text) or path.suffix.lower() in IMAGE_SUFFIXES


def result_names(inputs: Sequence[str], taken: Collection[str] = ()) -> list[str]:
    """One name per input for its results, each different: `walk`, and `walk-avi` for `walk.avi`.

    Args:
        inputs: As `expanded` gives them.
        taken: Names that other inputs have.
    """
    names: list[str] = []
    for text in inputs:
        path = Path(text)
        # Of a pattern: the folder's name.
        while glob.has_magic(path.name) and not os.path.exists(path):
            path = path.parent
        folder = isdir(path)
        stem = _short((path.resolve().name if folder else path.stem) or "pictures")
        if stem.endswith(".part"):  # results of that name would be taken for unfinished ones
            stem = stem.removesuffix(".part") + "-part"
        tries = [stem, f"{stem}-{path.suffix[1:]}" if path.suffix and not folder else f"{stem}-2"]
        tries += [f"{stem}-{number}" for number in range(3, len(inputs) + len(taken) + 3)]
        names.append(next(name for name in tries if name not in names and name not in taken))
    return names


def _short(stem: str) -> str:
    """A stem to which suffixes, a number and `.part` can be put: discs take 255 bytes a name."""
    stored = stem.encode("utf-8", "surrogateescape")
    if len(stored) <= _MOST_BYTES:
        return stem
    return stored[:_MOST_BYTES].decode("utf-8", "ignore")


def check_free(paths: Iterable[Path], inputs: Iterable[str], overwrite: bool) -> None:
    """Refuse to write over what is there.

    Args:
        paths: Results to be.
        inputs: Files that are never written over.
        overwrite: Whether older results may be replaced.

    Raises:
        OutputError: A result is there already, or it, or what it grows as, is one of the inputs.
        UsageError: Two results are one file.
    """
    precious = {Path(text).resolve() for text in inputs}
    made: set[Path] = set()
    for path in paths:
        for each in (path, part_path(path)):
            if each.resolve() in precious:
                raise OutputError(
                    f"{each} is an input and will not be replaced; give another --out"
                )
        if made & {path.resolve(), part_path(path).resolve()}:
            raise UsageError(f"expected each output once, got {path} twice, or as it grows")
        made |= {path.resolve(), part_path(path).resolve()}
        if os.path.exists(path) and not overwrite:
            raise OutputError(
                f"{path} is there already; choose another folder for the results, or replace "
                "older ones (--out, --overwrite)"
            )


def place(text: str) -> str:
    """The same input, whatever folder the program runs in; addresses stay as they are."""
    if "://" in text:
        return text
    if glob.has_magic(text) and not os.path.exists(text):
        return os.path.join(glob.escape(os.getcwd()), text)  # a [ in the folder's name is a name
    return os.path.abspath(text)


def fingerprint(text: str) -> str:
    """What changes when an input's files do: sizes and times. Empty where nothing is there."""
    path = Path(text)
    try:
        if path.is_dir():
            files = sorted(each for each in path.iterdir() if each.is_file())
        elif path.exists():
            files = [path]
        else:
            files = sorted(map(Path, glob.glob(text, recursive=True)))
        lines = [f"{each.name} {each.stat().st_size} {each.stat().st_mtime_ns}" for each in files]
    except OSError:
        return ""
    return hashlib.sha256("\n".join(lines).encode("utf-8", "replace")).hexdigest() if lines else ""
