"""One input of a batch: what was asked, and how far it is."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from typing_extensions import Self

from app.batch.inputs import are_pictures, fingerprint
from app.people import PeopleConfig
from app.sinks.sink import SINKS, known_suffixes
from app.sources.part import Part
from app.sources.source import SourceOptions
from app.steps.draw import DrawStyle
from model_zoo.zoo import model_path
from pose.errors import PoseAppError, UsageError

# They decide how fast results come, not which.
_ONLY_SPEED = frozenset({"lanes", "threads", "batch"})


class State(Enum):
    """How far an input is."""

    WAITING = "waiting"
    WORKING = "working"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Settings:
    """How an input is worked on.

    Attributes:
        people: How people are found.
        formats: Which results to write, by suffix without its dot.
        image_rate_hz: Pictures of a folder or pattern are a film of so many a second; 0 takes
            each for a photograph of its own.
        overwrite: Replace results that are there already.
        style: What is drawn, and how.
        part: Which frames of a film.
    """

    people: PeopleConfig = field(default_factory=PeopleConfig)
    formats: tuple[str, ...] = tuple(suffix[1:] for suffix in SINKS)
    image_rate_hz: float = 0.0
    overwrite: bool = False
    style: DrawStyle = field(default_factory=DrawStyle)
    part: Part = field(default_factory=Part)

    def source_options(self) -> SourceOptions:
        """What to ask of the source."""
        return SourceOptions(image_rate_hz=self.image_rate_hz, part=self.part)

    def check(self) -> None:
        """UsageError where something is asked that cannot be."""
        if not 0 <= self.image_rate_hz < math.inf:
            raise UsageError(f"expected --image-rate of 0 or more, got {self.image_rate_hz}")
        if len(set(self.formats)) < len(self.formats):
            raise UsageError(f"expected --formats without repeats, got {' '.join(self.formats)}")
        unknown = [form for form in self.formats if f".{form}" not in known_suffixes()]
        if unknown or not self.formats:
            known = " ".join(suffix[1:] for suffix in known_suffixes())
            raise UsageError(f"expected --formats of {known}, got {' '.join(unknown) or 'none'}")

    def fitting(self, text: str) -> Settings:
        """The same for one input: photographs are no film, have no parts, and become pictures."""
        if self.image_rate_hz or not are_pictures(text):
            return self
        forms = ("pictures" if form == "mp4" else form for form in self.formats)
        return dataclasses.replace(self, formats=tuple(dict.fromkeys(forms)), part=Part())

    def digest(self) -> str:
        """A name for everything that decides what the results say, the networks' files included."""
        people: dict[str, Any] = {
            name: value for name, value in self._plain_people().items() if name not in _ONLY_SPEED
        }
        pose = self.people.pose
        names = [self.people.person, *([pose] if isinstance(pose, str) else pose)]
        networks = [_network_fingerprint(name) for name in names]
        style = dataclasses.asdict(self.style)
        told: list[Any] = [people, sorted(self.formats), self.image_rate_hz, networks, style]
        if not self.part.is_whole:
            told.append(dataclasses.asdict(self.part))
        text = json.dumps(told)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the manifest."""
        return {
            "people": self._plain_people(),
            "formats": list(self.formats),
            "image_rate_hz": self.image_rate_hz,
            "overwrite": self.overwrite,
            "style": dataclasses.asdict(self.style),
            "part": dataclasses.asdict(self.part),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """The settings of a manifest; what this version does not know is left out."""
        known = {each.name for each in dataclasses.fields(PeopleConfig)}
        parts = {each.name for each in dataclasses.fields(Part)}
        looks = {each.name for each in dataclasses.fields(DrawStyle)}
        people: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in stored["people"].items()
            if key in known
        }
        return cls(
            PeopleConfig(**people),
            tuple(stored["formats"]),
            float(stored["image_rate_hz"]),
            bool(stored["overwrite"]),
            DrawStyle(**{k: v for k, v in stored.get("style", {}).items() if k in looks}),
            Part(**{k: v for k, v in stored.get("part", {}).items() if k in parts}),
        )

    def _plain_people(self) -> dict[str, Any]:
        """Of a command's config only the part that is about people."""
        names = sorted(each.name for each in dataclasses.fields(PeopleConfig))
        return {name: getattr(self.people, name) for name in names}


def _network_fingerprint(name: str) -> str:
    try:
        return fingerprint(str(model_path(name)))
    except PoseAppError:  # told when the work begins
        return ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the work on one input is.

    Attributes:
        frames: Finished frames.
        total: Frames to expect; None if the input does not say.
        fps: Frames per second of late.
        left_s: Seconds to the end at this rate; None if that cannot be told.
        people: People in the latest frame.
    """

    frames: int = 0
    total: int | None = None
    fps: float = 0.0
    left_s: float | None = None
    people: int = 0

    @property
    def share(self) -> float:
        """0 to 1; files may hold more frames than they state."""
        return min(1.0, self.frames / self.total) if self.total else 0.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One input and its results.

    Attributes:
        key: Names it within the batch.
        text: The input, as the user named it.
        place: The same, absolute.
        name: Of its results, without suffix.
        settings: How it is, or was, worked on.
        state: How far it is.
        begun: Work on it began once: unfinished results of its name are its own.
        error: Why it failed, on one line.
        exit_code: Of that error.
        figures: What was seen then.
        seen: Fingerprint of the input when the results that are there were made; empty if there
            are none.
        made_with: Digest of the settings they were made with.
        was_done: It was done by an earlier run, and nothing has changed.
        progress: While it is worked on.
        notes: Warnings that came up.
    """

    key: int
    text: str
    place: str
    name: str
    settings: Settings
    state: State = State.WAITING
    begun: bool = False
    error: str = ""
    exit_code: int = 0
    figures: Mapping[str, Any] = field(default_factory=dict)
    seen: str = ""
    made_with: str = ""
    was_done: bool = False
    progress: Progress = field(default_factory=Progress)
    notes: tuple[str, ...] = ()

    def paths(self, out: Path) -> list[Path]:
        """Where its results are, or will be."""
        return [out / f"{self.name}.{form}" for form in self.settings.formats]
