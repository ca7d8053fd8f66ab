"""Assembling: config and source become a pipeline that finds drawn people where they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typing_extensions import Self

from app import assemble as house
from app.assemble import Shares, assemble, make_groups, shares_of, skeleton_of
from app.dials import Dials
from app.people import PeopleConfig, check
from app.pipeline.plain import run_plainly
from app.sources.realtime import Realtime
from app.sources.source import SourceOptions, open_source
from app.steps.draw import DrawStyle
from engines.engine import open_engine
from pose.errors import ModelFileError, UsageError
from pose.skeleton import COCO_17
from pose.types import Scene
from tests.app import drawn


class Collector:
    """A sink that keeps the scenes."""

    def __init__(self) -> None:
        self.scenes: list[Scene] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None: ...

    def __call__(self, scene: Scene) -> None:
        self.scenes.append(scene)


@pytest.fixture
def config(tmp_path: Path) -> Callable[..., PeopleConfig]:
    _, person, _, pose = drawn.write_networks(tmp_path)

    def make(**changes: Any) -> PeopleConfig:
        plain = PeopleConfig(person=person, pose=pose, smooth=False)
        return replace(plain, **changes)

    return make


@pytest.mark.parametrize("detect_every", [1, 2])
def test_drawn_people_are_found_where_they_are(tmp_path: Path, detect_every: int) -> None:
    _, person, _, pose = drawn.write_networks(tmp_path, colours=True)
    config = PeopleConfig(person=person, pose=pose, smooth=False, detect_every=detect_every)
    sink = Collector()

    assemble(open_source(str(drawn.write_pictures(tmp_path / "walk", 3))), config, [sink]).run()

    for scene in sink.scenes:
        truth = drawn.keypoints(scene.frame.index)
        np.testing.assert_allclose(scene.tracks.poses.keypoints, truth, atol=3.0)


@pytest.mark.parametrize("detect_every", [1, 2])
def test_several_networks_find_people_together(tmp_path: Path, detect_every: int) -> None:
    _, person, _, pose = drawn.write_networks(tmp_path, colours=True)
    config = PeopleConfig(person=person, pose=(pose, pose), smooth=False, detect_every=detect_every)
    sink = Collector()

    assemble(open_source(str(drawn.write_pictures(tmp_path / "walk", 3))), config, [sink]).run()

    assert len(sink.scenes) == 3
    for scene in sink.scenes:
        truth = drawn.keypoints(scene.frame.index)
        np.testing.assert_allclose(scene.tracks.poses.keypoints, truth, atol=3.0)


@pytest.mark.parametrize("people", [0, 1, 2])
@pytest.mark.parametrize("detect_every", [1, 3])
def test_everybody_keeps_an_id_through_all_frames(
    config: Callable[..., PeopleConfig], tmp_path: Path, people: int, detect_every: int
) -> None:
    source = open_source(
        str(drawn.write_pictures(tmp_path / "walk", 7, people)), SourceOptions(image_rate_hz=25.0)
    )
    sink = Collector()

    reading = assemble(source, config(detect_every=detect_every), [sink]).run()

    assert [scene.frame.index for scene in sink.scenes] == list(range(7))
    assert (reading.frames_out, reading.dropped, reading.people_ids) == (7, 0, people)
    for scene in sink.scenes:
        assert scene.tracks.ids.tolist() == list(range(1, people + 1))
        assert scene.drawing is not None
        assert (scene.drawing != scene.frame.image).any() == (people > 0)


@pytest.mark.parametrize(
    ("lanes", "strip_length", "groups"),
    [
        (1, 1, ""),
        (2, 2, ""),
        (3, 1, ""),
        (1, 4, "detect | estimate | track | draw | write"),
        (2, 3, "detect estimate track draw write"),
    ],
)
def test_however_the_work_is_shared_the_answer_is_that_of_the_plain_loop(
    config: Callable[..., PeopleConfig],
    tmp_path: Path,
    lanes: int,
    strip_length: int,
    groups: str,
) -> None:
    folder = str(drawn.write_pictures(tmp_path / "walk", 9, people=2))
    plain, shared = Collector(), Collector()
    stages = [stage for group in make_groups(config(), [plain]) for stage in group.lanes[0]]

    run_plainly(open_source(folder), stages)
    assemble(
        open_source(folder),
        config(lanes=lanes),
        [shared],
        groups=groups,
        strip_length=strip_length,
    ).run()

    assert len(plain.scenes) == len(shared.scenes) == 9
    for one, other in zip(plain.scenes, shared.scenes, strict=True):
        assert one.frame.index == other.frame.index
        assert one.tracks.ids.tolist() == other.tracks.ids.tolist()
        np.testing.assert_allclose(
            one.tracks.poses.keypoints, other.tracks.poses.keypoints, atol=1e-3
        )


def test_times_of_all_stages_are_in_every_scene(
    config: Callable[..., PeopleConfig], tmp_path: Path
) -> None:
    sink = Collector()
    source = open_source(str(drawn.write_pictures(tmp_path / "walk", 2)))

    assemble(source, config(smooth=True), [sink]).run()

    stages = ["read", "detect", "estimate", "track", "smooth", "draw"]
    assert all(list(scene.stage_s) == stages for scene in sink.scenes)


def test_what_nobody_wants_is_not_done(config: Callable[..., PeopleConfig]) -> None:
    groups = make_groups(config(smooth=False), drawn=False)

    names = [[stage.name for stage in group.lanes[0]] for group in groups]
    assert names == [["detect", "estimate"], ["track"], ["write"]]


def test_a_live_source_drops_at_the_door_and_goes_frame_by_frame(
    config: Callable[..., PeopleConfig], tmp_path: Path
) -> None:
    recorded = open_source(str(drawn.write_pictures(tmp_path / "walk", 20)))
    sink = Collector()

    reading = assemble(
        Realtime(recorded, pause=lambda seconds: None), config(), [sink], max_frames=15
    ).run()

    indices = [scene.frame.index for scene in sink.scenes]
    assert reading.frames_in == 15 == reading.frames_out + reading.dropped
    assert indices == sorted(indices) and indices[-1] == 14, "the newest frame is never dropped"


@pytest.mark.parametrize(
    ("cores", "changes", "lanes", "threads"),
    [
        (1, {}, 1, 1),
        (2, {}, 2, 1),
        (8, {}, 4, 2),
        (8, {"lanes": 1}, 1, 4),
        (2, {"threads": 3}, 2, 3),
        (8, {"detect_every": 4}, 1, 4),
        (2, {"detect_every": 4}, 1, 1),
    ],
)
def test_networks_share_the_cores(
    config: Callable[..., PeopleConfig],
    monkeypatch: pytest.MonkeyPatch,
    cores: int,
    changes: dict[str, int],
    lanes: int,
    threads: int,
) -> None:
    opened: list[dict[str, Any]] = []

    def spy(path: Path, **options: Any) -> Any:
        opened.append(options)
        return open_engine(path, **options)

    monkeypatch.setattr(house, "cores", lambda: cores)
    monkeypatch.setattr("app.networks.open_engine", spy)

    groups = make_groups(config(**changes))

    assert len(groups[0].lanes) == lanes
    used = [options for options in opened if options]  # those without are read for their card
    following = changes.get("detect_every", 1) > 1
    assert len(used) == 2 * lanes + (not following)  # the tracker looks again for who is missed
    assert {options["threads"] for options in used} == {threads}


@pytest.mark.parametrize(
    ("size_wh", "length"), [((640, 480), 2), ((1920, 1080), 2), ((7680, 4320), 1)]
)
def test_large_frames_travel_in_shorter_strips(size_wh: tuple[int, int], length: int) -> None:
    class Sized:
        def __init__(self) -> None:
            self.size_wh = size_wh

    assert house._strip_length(Sized()) == length  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("count", "changes", "shares"),
    [
        (1, {}, (1, 1, 1)),
        (2, {}, (2, 1, 1)),
        (4, {}, (4, 1, 1)),
        (32, {}, (4, 8, 4)),
        (2, {"lanes": 1, "threads": 2}, (1, 2, 4)),
        (2, {"batch": 8}, (2, 1, 8)),
    ],
)
def test_cores_are_divided_between_lanes_and_networks(
    config: Callable[..., PeopleConfig],
    monkeypatch: pytest.MonkeyPatch,
    count: int,
    changes: dict[str, int],
    shares: tuple[int, int, int],
) -> None:
    monkeypatch.setattr(house, "cores", lambda: count)

    assert shares_of(config(**changes)) == Shares(*shares)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"detect_every": 0}, "--detect-every of 1"),
        ({"max_people": 0}, "--max-people of 1"),
        ({"batch": -1}, "--batch of 0"),
        ({"threads": -1}, "--threads of 0"),
        ({"lanes": -1}, "--lanes of 0"),
    ],
)
def test_a_number_that_cannot_be_is_refused(
    config: Callable[..., PeopleConfig], changes: dict[str, int], complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        make_groups(config(**changes))


@pytest.mark.parametrize(
    ("groups", "complaint"),
    [
        ("|", "each stage once"),
        ("detect | detect", "each stage once"),
        ("detect | dance", "got dance"),
        ("* detect track | write", "can follow"),
    ],
)
def test_groups_that_cannot_be_are_refused(
    config: Callable[..., PeopleConfig], groups: str, complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        make_groups(config(), groups=groups)


@pytest.mark.parametrize("network", ["person", "pose"])
@pytest.mark.parametrize("content", [None, b"", b"this is no network"])
def test_a_file_that_is_no_network_is_named(
    config: Callable[..., PeopleConfig], tmp_path: Path, network: str, content: bytes | None
) -> None:
    path = tmp_path / "bad.onnx"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ModelFileError, match=r"bad\.onnx"):
        skeleton_of(config(**{network: str(path)}))


def test_the_two_networks_cannot_be_exchanged(config: Callable[..., PeopleConfig]) -> None:
    right = config()

    with pytest.raises(ModelFileError, match="person detector"):
        skeleton_of(config(person=right.pose, pose=right.person))
    assert skeleton_of(right) is COCO_17


def test_stages_in_another_order_are_refused(config: Callable[..., PeopleConfig]) -> None:
    with pytest.raises(UsageError, match="in the order of detect, estimate"):
        make_groups(config(), groups="draw | detect estimate track | write")


@pytest.mark.parametrize(
    "changes", [{"threads": 257}, {"lanes": 65}, {"min_score": float("nan")}, {"batch": -1}]
)
def test_numbers_that_cannot_be_are_refused(changes: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="expected --"):
        check(replace(PeopleConfig(), **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("dialled", [False, True])
@pytest.mark.parametrize("detect_every", [1, 3])
def test_faces_of_those_who_do_not_count_are_hidden_too(
    config: Callable[..., PeopleConfig], tmp_path: Path, detect_every: int, dialled: bool
) -> None:
    """A score of 0.9 is nobody here, and in every frame a face all the same."""
    folder = str(drawn.write_pictures(tmp_path / "walk", 5, people=2))
    film, nobody = SourceOptions(image_rate_hz=25.0), 0.95
    changed = {}
    for privacy in ("none", "faces"):
        style, sink = DrawStyle(privacy=privacy), Collector()
        dials = Dials(min_score=nobody, style=style)
        assemble(
            open_source(folder, film),
            config(detect_every=detect_every, min_score=nobody),
            [sink],
            style=style,
            dials=(lambda dials=dials: dials) if dialled else None,  # type: ignore[misc]
        ).run()
        assert [len(scene.tracks) for scene in sink.scenes] == [0] * 5
        changed[privacy] = [
            scene.drawing is not None and bool((scene.drawing != scene.frame.image).any())
            for scene in sink.scenes
        ]

    assert changed == {"none": [False] * 5, "faces": [True] * 5}
