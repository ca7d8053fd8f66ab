"""The whole pipeline on a fake GPU: `--engine auto` with plans in the cache, several lanes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from app.assemble import assemble
from app.commands.demo import CLIP
from app.people import PeopleConfig
from app.sources.source import open_source
from engines.choose import EngineName, here
from engines.engine_cache import cached_engine
from model_zoo.zoo import model_path
from pose.types import Scene
from tests.engines.fake_gpu import VERSION, FakeGpu, install, write_fake_engine

FRAMES = 6


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeGpu:
    """Fake, with plans of both networks that ship."""
    fake = install(monkeypatch, tmp_path)
    for name in ("person", "pose"):
        onnx = model_path(name)
        write_fake_engine(cached_engine(onnx, "fp16", here("tensorrt", VERSION)), onnx)
    return fake


class _Kept:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.scenes: list[Scene] = []

    def __enter__(self) -> _Kept:
        return self

    def __exit__(self, *exc: object) -> None: ...

    def __call__(self, scene: Scene) -> None:
        self.scenes.append(scene)


def scenes(engine: EngineName, lanes: int = 1, detect_every: int = 1) -> Sequence[Scene]:
    sink = _Kept()
    config = PeopleConfig(engine=engine, lanes=lanes, detect_every=detect_every, threads=1)
    source = open_source(str(CLIP))
    assemble(source, config, [sink], drawn=False, max_frames=FRAMES).run()
    return sink.scenes


@pytest.mark.parametrize(("lanes", "detect_every"), [(2, 1), (1, 3)])
def test_the_pipeline_finds_on_the_gpu_what_it_finds_on_the_cpu(
    gpu: FakeGpu, caplog: pytest.LogCaptureFixture, lanes: int, detect_every: int
) -> None:
    with caplog.at_level(logging.INFO):
        found = scenes("auto", lanes, detect_every)
    expected = scenes("onnxruntime", lanes, detect_every)

    assert "pose runs on tensorrt, from its plan in the cache" in caplog.text
    assert len(found) == len(expected) == FRAMES
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours.tracks.ids, theirs.tracks.ids)
        sure = theirs.tracks.poses.scores > 0.3
        np.testing.assert_allclose(
            ours.tracks.poses.keypoints[sure], theirs.tracks.poses.keypoints[sure], atol=0.5
        )
    assert sum(len(scene.tracks) for scene in found) > 0
    # Both plans were read once for all lanes; all was let go of in the thread that took it.
    assert gpu.trt.deserialised == 2
    assert gpu.living == 0
    assert not [call for call in gpu.calls if "TOO LATE" in call]
