"""Files of labels that are anybody's: one line where they are not COCO's, or photographs lack."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pose.errors import InputError


@contextmanager
def coco_expected(path: Path) -> Iterator[None]:
    """Read `path` inside of it.

    Raises:
        InputError: The file cannot be read, is no JSON, or something that was looked up is not in
            it or of another kind.
    """
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: expected a COCO annotation file, {error.strerror}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{path}: expected a COCO annotation file, got {type(error).__name__}: {error}"
        ) from error


def read_labels(path: Path) -> Mapping[str, Any]:
    """A file with `images` and `annotations`; InputError if it is none."""
    with coco_expected(path):
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or not {"images", "annotations"} <= content.keys():
            raise InputError(f"{path}: expected a COCO file with images and annotations")
        return content


def check_photographs(files: Iterable[Path], images: Path, path: Path) -> None:
    """Find out before hours of work whether all photographs are there.

    Args:
        files: What will be read.
        images: The folder, for the message.
        path: The file that named them, for the message.

    Raises:
        InputError: Some are not.
    """
    named = sorted(set(files))
    missing = [file for file in named if not file.is_file()]
    if missing:
        raise InputError(
            f"{len(missing)} of the {len(named)} photographs of {path} are not in {images}, "
            f"first {missing[0]}; give their folder with --images"
        )
