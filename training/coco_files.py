"""Where COCO's keypoint files lie, checked before hours of training depend on them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pose.errors import InputError


@dataclass(frozen=True, slots=True)
class CocoFiles:
    """What the entry trained on and looked at: trainval minus minival, which is train2017.

    Attributes:
        train: Keypoint labels to learn from.
        train_images: Their photographs.
        val: Keypoint labels to look at (minival, which is val2017).
        val_images: Their photographs.
    """

    train: Path
    train_images: Path
    val: Path
    val_images: Path


def coco_files(folder: Path) -> CocoFiles:
    """Find COCO 2017 in a folder, or in `coco` inside it.

    Raises:
        InputError: Something is missing; the message names all of it.
    """
    home = folder / "coco" if (folder / "coco").is_dir() else folder
    files = CocoFiles(
        home / "annotations" / "person_keypoints_train2017.json",
        home / "train2017",
        home / "annotations" / "person_keypoints_val2017.json",
        home / "val2017",
    )
    missing = [
        str(path.relative_to(home))
        for path, there in (
            (files.train, files.train.is_file()),
            (files.train_images, _has_photographs(files.train_images)),
            (files.val, files.val.is_file()),
            (files.val_images, _has_photographs(files.val_images)),
        )
        if not there
    ]
    if missing:
        raise InputError(
            f"expected COCO's 2017 keypoint data in {home}, missing {', '.join(missing)}; "
            "unpack COCO's own archives there and name the folder with --data, or learn from other "
            "files with --annotations and --images"
        )
    return files


def _has_photographs(folder: Path) -> bool:
    return folder.is_dir() and any(folder.glob("*.jpg"))
