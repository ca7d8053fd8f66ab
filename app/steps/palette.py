"""Colours of people: one for each id, told apart by most eyes, lighter for the left side."""

from __future__ import annotations

from functools import lru_cache

Colour = tuple[int, int, int]

# Okabe & Ito, "Color Universal Design" (2008), as BGR, without black and without the dark blue,
# whose light shade is the sky blue; ordered so that neighbours differ most.
PALETTE: tuple[Colour, ...] = (
    (233, 180, 86),  # sky blue
    (0, 159, 230),  # orange
    (115, 158, 0),  # bluish green
    (66, 228, 240),  # yellow
    (167, 121, 204),  # reddish purple
    (0, 94, 213),  # vermilion
)
RIM: Colour = (24, 20, 20)  # around everything, so that it shows on any background


def id_colour(identity: int) -> Colour:
    """The BGR colour of one id: always the same, and unlike those of the ids beside it."""
    return PALETTE[(identity - 1) % len(PALETTE)]


@lru_cache(maxsize=64)
def shades(colour: Colour) -> tuple[Colour, Colour, Colour]:
    """A colour for the middle of the body, its left (lighter) and its right (darker)."""
    return colour, _mixed(colour, (255, 255, 255), 0.5), _mixed(colour, (0, 0, 0), 0.32)


def confidence_colour(score: float) -> Colour:
    """From vermilion over yellow to sky blue: how sure a keypoint is, 0 to 1."""
    return _CONFIDENCE[min(len(_CONFIDENCE) - 1, max(0, int(score * len(_CONFIDENCE))))]


def _mixed(colour: Colour, other: Colour, share: float) -> Colour:
    b, g, r = (round(a + (z - a) * share) for a, z in zip(colour, other, strict=True))
    return b, g, r


_UNSURE, _HALF, _SURE = (
    PALETTE[5],
    PALETTE[3],
    PALETTE[0],
)  # of one palette: told apart by most eyes
_CONFIDENCE = tuple(_mixed(_UNSURE, _HALF, step / 8) for step in range(8)) + tuple(
    _mixed(_HALF, _SURE, step / 7) for step in range(8)
)
