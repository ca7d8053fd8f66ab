"""The panel of the live page: every control, in cards. Knows no pipeline; tells what is wanted.

`dials_moved` is for what the next frame may show already, `people_changed` for what needs another
pipeline; that one comes a moment after the last change, so that turning through numbers is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from PyQt5.QtCore import QEvent, QObject, Qt, QTimer, pyqtSignal
from PyQt5.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QInputDialog,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.gui.parts import Card, Choice, LabelledBox, LabelledSlider, icon_button
from app.gui.presets import DEFAULT, Controls, Presets
from app.gui.send_card import SendCard
from app.people import PeopleConfig

_SETTLED_MS = 350
_LEAST_WIDTH = 304
ENGINES = "engine" in {field.name for field in fields(PeopleConfig)}


class ControlPanel(QScrollArea):
    """All controls.

    Args:
        presets: Ours and the user's.
        parent: Owns it.
    """

    dials_moved = pyqtSignal()
    people_changed = pyqtSignal()
    build_wanted = pyqtSignal()
    file_wanted = pyqtSignal(str)  # "person" or "pose"
    name_refused = pyqtSignal(str)  # a preset cannot be called so

    def __init__(self, presets: Presets, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._presets = presets
        self._controls = DEFAULT
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Fixed, QSizePolicy.Expanding)
        self.setAccessibleName(self.tr("Controls"))
        inside = QWidget(self)
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 8, 0)
        column.setSpacing(8)
        for card in (
            self._preset_card(inside),
            self._drawing_card(inside),
            self._people_card(inside),
            self._network_card(inside),
            self._send_card(inside),
        ):
            column.addWidget(card)
        column.addStretch(1)
        self.setWidget(inside)
        self._fit()
        self._settling = QTimer(self)
        self._settling.setSingleShot(True)
        self._settling.setInterval(_SETTLED_MS)
        self._settling.timeout.connect(self.people_changed)
        self.set_controls(DEFAULT)

    # ---- what is wanted -------------------------------------------------------------------

    @property
    def controls(self) -> Controls:
        """Where everything stands."""
        return self._controls

    def set_controls(self, controls: Controls) -> None:
        """Put everything somewhere; tells nobody."""
        self._controls = controls
        self._show()

    def apply(self, controls: Controls) -> None:
        """Put everything somewhere, and tell what that changes."""
        before = self._controls
        self.set_controls(controls)
        if controls.dials != before.dials:
            self.dials_moved.emit()
        if controls.people != before.people:
            self._settling.start()

    def set_dial(self, **changes: Any) -> None:
        """Change some of the dials."""
        self.apply(replace(self._controls, dials=replace(self._controls.dials, **changes)))

    def set_style(self, **changes: Any) -> None:
        """Change something about what is drawn."""
        self.set_dial(style=replace(self._controls.dials.style, **changes))

    def set_people(self, **changes: Any) -> None:
        """Change what a pipeline is assembled with."""
        self.apply(replace(self._controls, people=replace(self._controls.people, **changes)))

    def offer_networks(
        self, person: Sequence[tuple[str, str]], pose: Sequence[tuple[str, str]]
    ) -> None:
        """Networks to choose from, as (name or file, words)."""
        other = ("…", self.tr("Choose a file…"))
        self.person.set_options([*person, other])
        self.pose.set_options([*pose, other])
        self._show()

    def reset(self) -> None:
        """Everything as it was made."""
        self.apply(DEFAULT)

    # ---- the cards ------------------------------------------------------------------------

    def _preset_card(self, parent: QWidget) -> Card:
        card = Card(self.tr("Preset"), parent)
        self.preset = Choice(self.tr("All controls at once"), [], card)
        self.preset.chosen.connect(self._take_preset)
        self.save_preset = icon_button("folder", self.tr("Save as…"), card, words=True)
        self.save_preset.clicked.connect(self._ask_name)
        self.delete_preset = icon_button("close", self.tr("Delete this preset"), card)
        self.delete_preset.clicked.connect(self._delete_preset)
        self.reset_all = icon_button("reset", self.tr("Reset"), card, words=True)
        self.reset_all.setToolTip(self.tr("Everything as it was made"))
        self.reset_all.clicked.connect(self.reset)
        row = QHBoxLayout()
        row.addWidget(self.save_preset)
        row.addWidget(self.reset_all)
        row.addStretch(1)
        row.addWidget(self.delete_preset)
        card.rows.addWidget(self.preset)
        card.rows.addLayout(row)
        return card

    def _drawing_card(self, parent: QWidget) -> Card:
        card = Card(self.tr("Drawing"), parent)
        self.privacy = Choice(
            self.tr("Privacy"),
            [
                ("none", self.tr("Show everything")),
                ("faces", self.tr("Hide faces")),
                ("black", self.tr("Skeletons on black")),
            ],
            card,
        )
        self.privacy.chosen.connect(lambda key: self.set_style(privacy=key))
        self.colours = Choice(
            self.tr("Colour tells"),
            [
                ("person", self.tr("Who it is")),
                ("confidence", self.tr("How sure each joint is")),
            ],
            card,
        )
        self.colours.chosen.connect(lambda key: self.set_style(colours=key))
        self.checks = {
            "show_skeletons": self._check(card, self.tr("Skeletons")),
            "show_ids": self._check(card, self.tr("Ids")),
            "show_boxes": self._check(card, self.tr("Boxes")),
            "show_scores": self._check(card, self.tr("Scores")),
            "show_names": self._check(card, self.tr("Names of joints")),
        }
        for name, check in self.checks.items():
            check.toggled.connect(lambda on, name=name: self.set_style(**{name: on}))
        self.trail = LabelledSlider(self.tr("Trails"), 0, 5, 0.5, card, "{:.1f} s")
        self.trail.moved.connect(lambda value: self.set_style(trail_s=value))
        self.lines = LabelledSlider(self.tr("Width of lines"), 0.4, 3, 0.1, card, "× {:.1f}")
        self.lines.moved.connect(lambda value: self.set_style(line_scale=value))
        self.joints = LabelledSlider(self.tr("Joints surer than"), 0, 0.95, 0.05, card, "{:.0%}")
        self.joints.moved.connect(lambda value: self.set_style(keypoint_score=value))
        card.rows.addWidget(self.privacy)
        card.rows.addWidget(self.colours)
        pairs = list(self.checks.values())
        for first in range(0, len(pairs), 2):
            row = QHBoxLayout()
            for check in pairs[first : first + 2]:
                row.addWidget(check, 1)
            card.rows.addLayout(row)
        for slider in (self.joints, self.trail, self.lines):
            card.rows.addWidget(slider)
        return card

    def _people_card(self, parent: QWidget) -> Card:
        card = Card(self.tr("People"), parent)
        self.score = LabelledSlider(
            self.tr("New people surer than"), 0.05, 0.95, 0.05, card, "{:.0%}"
        )
        self.score.moved.connect(lambda value: self.set_dial(min_score=value))
        self.most = LabelledBox(self.tr("At most so many"), 1, 100, card)
        self.most.changed.connect(lambda value: self.set_dial(max_people=value))
        self.every = LabelledBox(self.tr("Look for new ones every n frames"), 1, 30, card)
        self.every.changed.connect(lambda value: self.set_people(detect_every=value))
        self.smooth = self._check(card, self.tr("Smooth the joints' ways"))
        self.smooth.toggled.connect(lambda on: self.set_dial(smooth=on))
        self.flip = self._check(card, self.tr("Look twice (slower, more accurate)"))
        self.flip.toggled.connect(lambda on: self.set_people(flip=on))
        for widget in (self.score, self.most, self.every, self.smooth, self.flip):
            card.rows.addWidget(widget)
        return card

    def _network_card(self, parent: QWidget) -> Card:
        card = Card(self.tr("Networks"), parent)
        other = [("…", self.tr("Choose a file…"))]
        self.person = Choice(self.tr("Finds people"), [("person", "person"), *other], card)
        self.pose = Choice(self.tr("Finds joints"), [("pose", "pose"), *other], card)
        for name, choice in (("person", self.person), ("pose", self.pose)):
            choice.chosen.connect(lambda key, name=name: self._network(name, key))
        self.side = Choice(
            self.tr("Looks for people in"),
            [
                ("0", self.tr("320 pixels, fastest")),
                ("416", self.tr("416 pixels")),
                ("640", self.tr("640 pixels, small people")),
            ],
            card,
        )
        self.side.chosen.connect(lambda key: self.set_people(person_side=int(key)))
        self.engine = Choice(
            self.tr("Engine"),
            [
                ("auto", self.tr("The fastest that is here")),
                ("onnxruntime", "ONNX Runtime"),
                ("tensorrt", "TensorRT"),
                ("tensorrt_rtx", "TensorRT for RTX"),
            ],
            card,
        )
        self.engine.chosen.connect(lambda key: self.set_people(engine=key))
        self.engine.setVisible(ENGINES)
        self.batch = LabelledBox(self.tr("People in one run"), 0, 64, card, self.tr("automatic"))
        self.batch.changed.connect(lambda value: self.set_people(batch=value))
        self.threads = LabelledBox(
            self.tr("Threads in a network"), 0, 64, card, self.tr("automatic")
        )
        self.threads.changed.connect(lambda value: self.set_people(threads=value))
        self.build = icon_button("engine", self.tr("Build an engine…"), card, words=True)
        self.build.clicked.connect(self.build_wanted)
        for widget in (
            self.person, self.side, self.pose, self.engine, self.batch, self.threads, self.build,
        ):  # fmt: skip
            card.rows.addWidget(widget)
        return card

    def _send_card(self, parent: QWidget) -> Card:
        self.send = SendCard(parent)
        return self.send

    def _check(self, parent: QWidget, name: str) -> QCheckBox:
        check = QCheckBox(name, parent)
        check.setFocusPolicy(Qt.TabFocus)  # a click leaves Space to the page
        check.setAccessibleName(name)
        return check

    # ---- inside ---------------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.LayoutRequest:
            self._fit()
        return bool(super().eventFilter(watched, event))

    def _fit(self) -> None:
        """Be as wide as the longest words in the font of this desktop ask for."""
        inside, bar = self.widget(), self.verticalScrollBar()
        around = bar.sizeHint().width() + 2 * self.frameWidth()
        self.setFixedWidth(max(_LEAST_WIDTH, inside.minimumSizeHint().width() + around))

    def _show(self) -> None:
        people, dials = self._controls.people, self._controls.dials
        style = dials.style
        self.preset.set_options(self._presets.names())
        name = self._presets.name_of(self._controls)
        self.preset.box.setPlaceholderText(self.tr("Own positions"))
        self.preset.box.setCurrentIndex(self.preset.box.findData(name) if name else -1)
        self.delete_preset.setVisible(self._presets.is_own(name))
        self.privacy.set_key(style.privacy)
        self.colours.set_key(style.colours)
        marks = [(check, bool(getattr(style, name))) for name, check in self.checks.items()]
        for check, on in [*marks, (self.smooth, dials.smooth), (self.flip, people.flip)]:
            blocked = check.blockSignals(True)
            check.setChecked(on)
            check.blockSignals(blocked)
        self.trail.set_value(style.trail_s)
        self.lines.set_value(style.line_scale)
        self.joints.set_value(style.keypoint_score)
        self.score.set_value(dials.min_score)
        self.most.set_value(dials.max_people)
        self.every.set_value(people.detect_every)
        self.batch.set_value(people.batch)
        self.threads.set_value(people.threads)
        self.person.set_key(people.person)
        self.side.set_key(str(people.person_side))
        self.pose.set_key(people.pose if isinstance(people.pose, str) else people.pose[0])
        self.engine.set_key(str(getattr(people, "engine", "auto")))

    def _network(self, name: str, key: str) -> None:
        if key == "…":
            self._show()
            self.file_wanted.emit(name)
        else:
            self.set_people(**{name: key})

    def _take_preset(self, name: str) -> None:
        self.apply(self._presets.get(name, self._controls))

    def _ask_name(self) -> None:
        dialog = QInputDialog(self.window())
        dialog.setAttribute(Qt.WA_DeleteOnClose)
        dialog.setWindowTitle(self.tr("Save a preset"))
        dialog.setLabelText(self.tr("Name of the preset"))
        dialog.textValueSelected.connect(self.keep_preset)
        dialog.open()

    def keep_preset(self, name: str) -> None:
        """Keep all controls under a name of the user's own."""
        try:
            self._presets.save(name, self._controls)
        except ValueError:
            self.name_refused.emit(name.strip())
            return
        self._show()

    def _delete_preset(self) -> None:
        self._presets.delete(self.preset.key)
        self._show()
