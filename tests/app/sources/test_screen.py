"""The screen as a source, grabbed from an X server that shows what the test painted."""

from __future__ import annotations

import pytest

from app.sources.screen import Region, is_screen, open_screen, region_of
from app.sources.source import open_source
from pose.errors import UnavailableError, UsageError
from tests.app.gui.xvfb import PRESENT, Xvfb


@pytest.mark.parametrize(
    ("text", "region"),
    [("screen://", None), ("screen://640x480+10+20", Region(640, 480, 10, 20))],
)
def test_a_region_is_read(text: str, region: Region | None) -> None:
    assert is_screen(text) and region_of(text) == region
    assert region is None or region.text == text


@pytest.mark.parametrize("text", ["screen://x", "screen://0x4+1+1", "screen://4x4"])
def test_a_wrong_region_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="WIDTHxHEIGHT"):
        open_source(text)


def test_without_a_display_it_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)

    with pytest.raises(UnavailableError, match="DISPLAY"), open_screen("screen://"):
        pass


@pytest.mark.skipif(not PRESENT, reason="needs Xvfb: apt install xvfb")
def test_a_part_of_the_screen_is_grabbed(monkeypatch: pytest.MonkeyPatch) -> None:
    with Xvfb() as server:
        monkeypatch.setenv("DISPLAY", server.display)
        source = open_source("screen://320x200+40+30")
        assert source.is_live
        with source:
            frames = [frame for _, frame in zip(range(3), source, strict=False)]
        with (
            pytest.raises(UnavailableError, match="grabbed"),
            open_screen("screen://9000x9000+0+0"),
        ):
            pass

    assert [frame.size_wh for frame in frames] == [(320, 200)] * 3
    assert (frames[0].image == 0).all()  # an X server's empty screen is black
