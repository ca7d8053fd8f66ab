"""Snapshots: what they show, what they refuse, and what they are called."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.sinks.snapshot import save_snapshot, unused_name, write_png
from pose.errors import OutputError, UsageError
from tests.app.sinks.scenes import scene

NOON = time.strptime("2026-05-01 12:00:00", "%Y-%m-%d %H:%M:%S")
NAME = "people_2026-05-01_12-00-00"


def test_a_snapshot_is_the_picture_as_it_is_shown(tmp_path: Path) -> None:
    drawing = np.full((120, 160, 3), (0, 0, 255), np.uint8)

    first = save_snapshot(replace(scene(0), drawing=drawing), tmp_path / "new", NOON)
    second = save_snapshot(scene(1), tmp_path / "new", NOON)

    assert [first.name, second.name] == [f"{NAME}.png", f"{NAME}-2.png"]
    np.testing.assert_array_equal(cv2.imread(str(first)), drawing)
    np.testing.assert_array_equal(cv2.imread(str(second)), scene(1).frame.image)


def test_a_snapshot_that_would_show_faces_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="privacy"):
        save_snapshot(scene(0), tmp_path, NOON, clean_allowed=False)

    assert os.listdir(tmp_path) == []


def test_a_full_disc_leaves_no_half_picture_under_its_name(tmp_path: Path) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full here")
    (tmp_path / "a.part.png").symlink_to("/dev/full")

    with pytest.raises(OutputError, match="cannot write"):
        write_png(tmp_path / "a.png", np.zeros((4, 4, 3), np.uint8))

    assert not (tmp_path / "a.png").exists()


def test_names_do_not_repeat(tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.png").touch()

    assert unused_name(tmp_path, NOON, lambda name: [tmp_path / f"{name}.png"]) == f"{NAME}-2"
