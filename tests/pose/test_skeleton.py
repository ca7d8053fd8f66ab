"""Skeletons, against COCO's own lists."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools.cocoeval import Params

from pose.errors import ModelFileError
from pose.skeleton import COCO_17, LSP_14, MPII_16, SKELETONS, Skeleton, skeleton_named

every_skeleton = pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)


@pytest.mark.parametrize(("skeleton", "count"), [(COCO_17, 17), (MPII_16, 16), (LSP_14, 14)])
def test_a_skeleton_has_as_many_keypoints_as_its_name_says(skeleton: Skeleton, count: int) -> None:
    assert len(skeleton) == len(skeleton.sigmas) == len(set(skeleton.keypoints)) == count
    assert skeleton.name.endswith(str(count))


@every_skeleton
def test_bones_join_all_keypoints_once(skeleton: Skeleton) -> None:
    """One connected drawing, no bone twice, no bone from a keypoint to itself."""
    bones = {frozenset(bone) for bone in skeleton.bones}
    reached, waiting = set(), [0]
    while waiting:
        here = waiting.pop()
        reached.add(here)
        waiting += [end for bone in bones if here in bone for end in bone - reached]

    assert len(bones) == len(skeleton.bones)
    assert all(len(bone) == 2 for bone in bones)
    assert reached == set(range(len(skeleton)))


@every_skeleton
def test_a_mirror_of_a_mirror_is_the_person(skeleton: Skeleton) -> None:
    names = np.array(skeleton.keypoints)

    np.testing.assert_array_equal(skeleton.flip[skeleton.flip], np.arange(len(skeleton)))
    swapped = names[skeleton.flip]
    for name, other in zip(names, swapped, strict=True):
        assert other == name if "_" not in name else other.split("_")[1:] == name.split("_")[1:]
    np.testing.assert_array_equal(
        np.char.startswith(names, "left_"), np.char.startswith(swapped, "right_")
    )


@every_skeleton
def test_bones_look_the_same_in_a_mirror(skeleton: Skeleton) -> None:
    bones = {frozenset(bone) for bone in skeleton.bones}
    mirrored = {frozenset(int(skeleton.flip[end]) for end in bone) for bone in bones}

    if skeleton is COCO_17:
        assert mirrored == bones
    assert len(mirrored) == len(bones)


def test_coco_sigmas_are_those_of_its_evaluation() -> None:
    np.testing.assert_allclose(COCO_17.oks_sigmas, Params("keypoints").kpt_oks_sigmas)


def test_coco_keypoints_and_bones_are_those_of_its_annotations(shared: Path) -> None:
    path = shared / "data/people/annotations/person_keypoints_val_coco.json"
    category = json.loads(path.read_text())["categories"][0]

    assert list(COCO_17.keypoints) == category["keypoints"]
    if category.get("skeleton"):
        theirs = {frozenset(end - 1 for end in bone) for bone in category["skeleton"]}
        assert {frozenset(bone) for bone in COCO_17.bones} == theirs


def test_an_unknown_name_names_the_known_ones() -> None:
    assert skeleton_named("lsp_14") is LSP_14
    with pytest.raises(ModelFileError, match=r"coco_17.*got 'coco'"):
        skeleton_named("coco")
