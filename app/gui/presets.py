"""Presets of the live page: positions of all controls under one name, ours and the user's own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from PyQt5.QtCore import QT_TRANSLATE_NOOP, QCoreApplication

from app.dials import Dials
from app.gui.settings import Settings
from app.people import PeopleConfig
from app.steps.draw import DrawStyle


@dataclass(frozen=True)
class Controls:
    """Where all controls of the live page stand.

    Attributes:
        people: What a pipeline is assembled with; a change assembles a new one.
        dials: What a running pipeline reads for every frame. Where both have a value, such as
            `min_score`, this one counts.
    """

    people: PeopleConfig = field(default_factory=PeopleConfig)
    dials: Dials = field(default_factory=Dials)


DEFAULT = Controls()
_LITE = "pose-lite"

# name -> what differs from the defaults; names are translated when shown
BUILT_IN: dict[str, Controls] = {
    QT_TRANSLATE_NOOP("Presets", "Balanced"): DEFAULT,
    QT_TRANSLATE_NOOP("Presets", "Fast"): Controls(people=PeopleConfig(pose=_LITE)),
    QT_TRANSLATE_NOOP("Presets", "Accurate"): Controls(people=PeopleConfig(flip=True)),
    QT_TRANSLATE_NOOP("Presets", "Crowd"): Controls(
        people=PeopleConfig(max_people=60),
        dials=Dials(max_people=60, min_score=0.25, style=DrawStyle(line_scale=0.7)),
    ),
    QT_TRANSLATE_NOOP("Presets", "Sport: trails and names"): Controls(
        dials=Dials(style=DrawStyle(trail_s=2.0, show_names=True, show_ids=False))
    ),
    QT_TRANSLATE_NOOP("Presets", "Hidden faces"): Controls(
        dials=Dials(style=DrawStyle(privacy="faces"))
    ),
    QT_TRANSLATE_NOOP("Presets", "Skeletons on black"): Controls(
        dials=Dials(style=DrawStyle(privacy="black"))
    ),
}


class Presets:
    """All presets by name; the user's own are kept in the settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def names(self) -> list[tuple[str, str]]:
        """(name, words to show), ours first."""
        ours = [(name, QCoreApplication.translate("Presets", name)) for name in BUILT_IN]
        own = [name for name in self._settings.names(Controls) if name not in BUILT_IN]
        return ours + [(name, name) for name in own]

    def get(self, name: str, now: Controls) -> Controls:
        """A preset; the networks of ours are those that are chosen now, but for the lite one."""
        if name not in BUILT_IN:
            return self._settings.get(Controls, name)
        found = BUILT_IN[name]
        pose = now.people.pose if now.people.pose != _LITE else DEFAULT.people.pose
        if found.people.pose != DEFAULT.people.pose:
            pose = found.people.pose
        people = replace(found.people, person=now.people.person, pose=pose)
        style = replace(found.dials.style, mirror=now.dials.style.mirror)
        return Controls(people, replace(found.dials, style=style))

    def name_of(self, controls: Controls) -> str:
        """The preset that stands here, the user's own before ours; empty if none does."""
        names = sorted((name for name, _ in self.names()), key=lambda name: name in BUILT_IN)
        return next((name for name in names if self.get(name, controls) == controls), "")

    def save(self, name: str, controls: Controls) -> None:
        """Keep a preset of the user's own; ours cannot be replaced (ValueError)."""
        name = name.strip()
        if not name or name in BUILT_IN:
            raise ValueError(f"not a name for a preset: {name!r}")
        self._settings.put(controls, name)

    def delete(self, name: str) -> None:
        """Forget one of the user's own."""
        self._settings.forget(Controls, name)

    def is_own(self, name: str) -> bool:
        """Whether the user made it."""
        return name not in BUILT_IN and name in self._settings.names(Controls)
