"""Decoding on the GPU: the choice, and the way back to the CPU where a GPU refuses.

On a machine without an NVIDIA GPU the refusal is a real one of FFmpeg's CUDA code. That a GPU
decodes the same pictures is marked `gpu`.
"""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from av.codec.hwaccel import HWAccel

from app.machine import look
from app.sources import gpu_decoding, video_file
from app.sources.decoding import Decoder
from app.sources.gpu_decoding import SWITCH, accelerator, why_not
from app.sources.video_file import VideoFile
from engines.cuda_driver import Driver, Gpu
from pose.errors import InputError
from tests.app import drawn


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    why_not.cache_clear()
    yield
    why_not.cache_clear()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return drawn.write_clip(tmp_path / "walk.mp4", 12)


def test_every_reason_against_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = Gpu(0, "a GPU", "9.0", 1 << 30)

    def without_decoder(name: str) -> Any:
        raise OSError(name)

    steps: list[tuple[Any, str]] = [
        (lambda: monkeypatch.setenv(SWITCH, "0"), "says no"),
        (lambda: monkeypatch.delenv(SWITCH), ""),
        (
            lambda: monkeypatch.setattr(gpu_decoding, "hwdevices_available", lambda: ["qsv"]),
            "without CUDA",
        ),
        (lambda: monkeypatch.setattr(gpu_decoding, "hwdevices_available", lambda: ["cuda"]), ""),
        (lambda: monkeypatch.setattr(gpu_decoding, "probe", lambda: Driver("no driver")), "driver"),
        (
            lambda: (
                monkeypatch.setattr(gpu_decoding, "probe", lambda: Driver("", "13.0", (gpu,))),
                monkeypatch.setattr(ctypes, "CDLL", without_decoder),
            ),
            "brings no decoder",
        ),
    ]
    for step, reason in steps:
        step()
        why_not.cache_clear()
        assert reason in why_not()
        if reason:
            assert accelerator() is None


def test_doctor_says_what_is_chosen() -> None:
    (finding,) = (each for each in look() if each.name == "Video decoding on the GPU")

    assert finding.present == (accelerator() is not None)
    assert finding.present or finding.detail == why_not()


def test_a_gpu_that_is_not_there_is_one_line_and_the_cpu_decodes(
    clip: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """FFmpeg's own refusal, by asking for CUDA although doctor says no."""
    if not why_not():
        pytest.skip("this machine has a GPU that decodes")
    monkeypatch.setattr(video_file, "accelerator", lambda: HWAccel("cuda"))

    with VideoFile(clip) as source:
        frames = list(source)

    assert len(frames) == 12
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "the CPU does" in caplog.text and "Traceback" not in caplog.text


def test_what_is_wrong_with_a_file_is_told_as_ever(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "text.mp4").write_text("this is text")

    with pytest.raises(InputError, match="expected a video"):
        Decoder(tmp_path / "text.mp4", accelerator=HWAccel("cuda"))

    assert caplog.text == ""


def test_a_gpu_that_takes_the_file_and_gives_nothing_is_one_line(
    clip: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A fake decoder stands for a GPU that opens a profile which it cannot decode."""

    class Mute(Decoder):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args)
            self.on_gpu = bool(options)

        def __iter__(self) -> Iterator[tuple[float | None, Any]]:
            return iter(()) if self.on_gpu else super().__iter__()

    monkeypatch.setattr(video_file, "Decoder", Mute)
    with caplog.at_level(logging.WARNING), VideoFile(clip) as source:
        frames = list(source)

    assert len(frames) == 12
    assert len(caplog.records) == 1


@pytest.mark.gpu
def test_the_gpu_decodes_the_same_pictures(clip: Path) -> None:
    if why_not():
        pytest.skip(f"needs a GPU that decodes: {why_not()}")
    with Decoder(clip, accelerator=accelerator()) as ours, Decoder(clip) as theirs:
        assert ours.on_gpu
        pairs = list(zip(ours, theirs, strict=True))

    assert len(pairs) == 12
    for (stamp_s, image), (other_s, other) in pairs:
        assert stamp_s == other_s
        difference = np.abs(image.astype(int) - other.astype(int))
        assert difference.mean() < 1.5  # NV12 and I420 round their colours differently
