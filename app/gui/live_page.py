"""The live page: choose a source, watch it with skeletons, turn the controls, read the meters."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from PyQt5.QtCore import Qt

from app.assemble import MAX_IN_FLIGHT, shares_of
from app.commands.demo import CLIP
from app.dials import Dials
from app.gui.ask_path import ask_file
from app.gui.bridge import SceneBridge
from app.gui.engine_builder import EngineBuilder
from app.gui.first_run import first_words
from app.gui.live_bar import LiveBar
from app.gui.live_layout import LiveLayout
from app.gui.networks import network_choices
from app.gui.notices import Notice, notice_of
from app.gui.page import Desk
from app.gui.presets import Controls
from app.gui.record_bar import RecordBar
from app.gui.recorder import Recorder
from app.gui.session import Request, Session, State
from app.gui.shortcuts import Shortcut
from app.gui.source_picker import SourceSettings, found_sources
from app.gui.style_keys import style_keys
from app.pipeline.meter import Reading
from app.sinks.sink import Sink
from app.sources.listing import Listed
from app.sources.source import Source, SourceOptions, open_source
from app.steps.draw import draw
from pose.skeleton import COCO_17

_log = logging.getLogger(__name__)

_ENDED, _SOURCE, _SEND = "live-ended", "live-source", "live-send"


@dataclass(frozen=True)
class LiveSettings:
    """What the page remembers, beside the source and the controls.

    Attributes:
        repeat: Play a recording again and again.
        controls_shown, meters_shown: Whether these are in sight.
        welcomed: Whether the first run is over.
        send: Addresses that people are sent to, with blanks between.
    """

    repeat: bool = True
    controls_shown: bool = True
    meters_shown: bool = True
    welcomed: bool = False
    send: str = ""


class LivePage(LiveLayout):
    """The webcam demo, and the front of everything else.

    Args:
        desk: Of the window.
        look: Finds sources; replaced by tests.
        open_source: Opens one; replaced by tests.
    """

    def __init__(
        self,
        desk: Desk,
        look: Callable[[], list[Listed]] = found_sources,
        open_source: Callable[[str, SourceOptions], Source] = open_source,
    ) -> None:
        super().__init__(desk, look)
        self._settings = desk.settings.get(LiveSettings)
        self._dials = Dials()
        self.bridge = SceneBridge(self)
        self.recorder = Recorder(
            lambda: self.session.skeleton or COCO_17,
            desk.offload,
            self._clean_allowed,
            parent=self,
        )
        sinks: list[Sink] = [self.bridge, self.recorder]
        self.session = Session(sinks, lambda: self._dials, open_source, self)
        self.record_bar = RecordBar(
            self.recorder, desk, lambda: self.view.scene, self._clean_allowed, self
        )
        bar = LiveBar(self.picker, self.record_bar, self)
        bar.controls.setChecked(self._settings.controls_shown)
        bar.meters.setChecked(self._settings.meters_shown)
        bar.repeat.setChecked(self._settings.repeat)
        self.arrange(bar)
        self._connect()
        self._restore()
        self._first_look = True
        self.picker.look()
        desk.offload.run("read models", network_choices, self._offer, owner=self)

    # ---- starting and stopping ------------------------------------------------------------

    def start(self) -> None:
        """Run what is chosen."""
        if not self.picker.text:
            return
        self.desk.retract(_ENDED)
        self.desk.retract(_SOURCE)
        self.session.pause(False)
        self.bar.pause.setChecked(False)
        self.session.start(self._request())

    def stop(self) -> None:
        """Stop; the last picture stays."""
        self.recorder.stop()
        self.session.stop()

    def toggle(self) -> None:
        """Start, or stop."""
        if self.session.state is State.IDLE:
            self.start()
        elif self.session.state is not State.STOPPING:
            self.stop()

    def pause(self, wanted: bool) -> None:
        """Hold the picture, or go on."""
        self.session.pause(wanted)
        self._say()

    def open(self, what: object) -> None:
        """Look at a source: its text."""
        self.picker.choose(str(what))

    def close_down(self) -> None:
        self._remember()
        self.recorder.stop()
        self.session.stop()

    def closed(self, seconds: float) -> bool:
        return self.session.join(seconds)

    # ---- the window's calls ---------------------------------------------------------------

    def shortcuts(self) -> Sequence[Shortcut]:
        return [
            Shortcut("Space", self.tr("Start or stop"), self.toggle),
            Shortcut("P", self.tr("Pause or go on"), self.bar.pause.click),
            Shortcut("M", self.tr("Mirror"), self.bar.mirror.click),
            Shortcut("F", self.tr("Full screen"), self.toggle_full_screen),
            Shortcut("F11", self.tr("Full screen"), self.toggle_full_screen),
            Shortcut("Escape", self.tr("Leave full screen"), self.leave_full_screen),
            Shortcut("Ctrl+O", self.tr("Open a video or a picture"), self.picker.ask_file),
            Shortcut("Ctrl+L", self.tr("Open a stream"), self.picker.ask_address),
            *style_keys(self.panel),
            Shortcut("H", self.tr("Show or hide the controls"), self.bar.controls.click),
            *self.record_bar.shortcuts(),
        ]

    # ---- what is shown --------------------------------------------------------------------

    def _take(self) -> None:
        picture = self.bridge.take()
        if picture is not None:
            self.view.show_picture(picture)
            self.meters.saw(picture.scene)

    def _state_changed(self, state: State) -> None:
        self.bar.show_state(state)
        if state is State.IDLE:
            self.meters.stop()
        elif state in (State.OPENING, State.SWITCHING):
            people = self.panel.controls.people
            self.meters.start(shares_of(people, max_lanes=MAX_IN_FLIGHT).batch)
        self._say()

    def _say(self) -> None:
        """The words over the picture, by the state."""
        state, small = self.session.state, ""
        words = {
            State.OPENING: self.tr("Opening…"),
            State.RECONNECTING: self.tr("Reconnecting…"),
            State.SWITCHING: self.tr("Changing the networks…"),
            State.STOPPING: self.tr("Stopping…"),
        }.get(state, "")
        if state is State.RECONNECTING:
            small = self.tr("The source gives no picture; it is tried again and again.")
        elif state is State.IDLE and self.view.scene is None:
            words = self.tr("Nothing is running")
            small = self.tr("Choose a source above and press Start, or drop a video here.")
        elif state is State.RUNNING and self.session.paused:
            words = self.tr("Paused")
        self.view.say(words, small)

    def _failed(self, error: BaseException) -> None:
        self.desk.tell(notice_of(error, _ENDED))

    def _ended(self, reading: Reading) -> None:
        _log.debug("ended after %d frames", reading.frames_out)

    # ---- controls -------------------------------------------------------------------------

    def _dials_moved(self) -> None:
        self._dials = self.panel.controls.dials
        mirrored = self._dials.style.mirror
        if self.bar.mirror.isChecked() != mirrored:
            self.bar.mirror.setChecked(mirrored)
        still = self.session.state is State.IDLE or self.session.paused
        if still and self.view.scene is not None:
            self._draw_again()
        self.desk.settings.put(self.panel.controls)

    def _draw_again(self) -> None:
        """Draw the scene that stands still with the new style."""
        scene, skeleton = self.view.scene, self.session.skeleton
        if scene is not None and skeleton is not None:
            drawing = draw(scene.frame, scene.tracks, skeleton, self._dials.style)
            self.view.show_scene(replace(scene, drawing=drawing))

    def _rebuild(self) -> None:
        self.desk.settings.put(self.panel.controls)
        if self.session.state is not State.IDLE:
            self.session.start(self._request())

    def _send(self) -> None:
        self.desk.retract(_SEND)
        self._remember()
        self._rebuild()

    def _source_chosen(self) -> None:
        self._remember()
        self.start()

    def _clean_allowed(self) -> bool:
        """Whether pictures may leave the page as the source gave them."""
        return self._dials.style.privacy == "none"

    def _request(self) -> Request:
        controls = self.panel.controls
        return Request(
            self.picker.text,
            controls.people,
            self.picker.options,
            self.bar.repeat.isChecked(),
            self.panel.send.addresses,
        )

    def _name_refused(self, name: str) -> None:
        words = self.tr("expected a name of your own for the preset, got “{0}”; choose another")
        self.desk.tell(Notice(words.format(name)))

    def _ask_network(self, which: str) -> None:
        ask_file(
            self.window(),
            self.tr("Choose a network"),
            lambda path: self.panel.set_people(**{which: path}),
            kinds=self.tr("Networks (*.onnx *.engine);;All files (*)"),
        )

    def _build(self) -> None:
        builder = EngineBuilder(self.panel.controls.people, self.window())
        builder.setAttribute(Qt.WA_DeleteOnClose)
        builder.built.connect(self._rebuild)
        builder.open()

    def _offer(self, choices: dict[str, list[tuple[str, str]]]) -> None:
        self.panel.offer_networks(choices.get("person", []), choices.get("pose", []))

    # ---- the first run --------------------------------------------------------------------

    def _looked(self) -> None:
        """The list of sources is there: begin with what is at hand."""
        if not self._first_look:
            return
        self._first_look = False
        known = self.desk.settings.get(SourceSettings)
        if self.session.state is not State.IDLE:  # somebody was faster
            return
        if known.text:
            self.picker.restore(known)
        elif self.picker.first_camera:
            self.picker.choose(self.picker.first_camera, tell=False)
        else:
            self.picker.choose(str(CLIP), tell=False)
            self.desk.offload.run(
                "look around", partial(first_words, _SOURCE), self._welcome, owner=self
            )
        if not self._settings.welcomed:
            self._settings = replace(self._settings, welcomed=True)
            self.desk.settings.put(self._settings)
            self.start()

    def _welcome(self, notice: Notice) -> None:
        if self.session.state in (State.OPENING, State.RUNNING):
            self.desk.tell(notice)

    # ---- making ---------------------------------------------------------------------------

    def _connect(self) -> None:
        self.bridge.arrived.connect(self._take, Qt.QueuedConnection)
        self.view.resized.connect(self._fit)
        self.view.painted.connect(self.meters.painted)
        self.session.changed.connect(self._state_changed)
        self.session.read.connect(self.meters.heard)
        self.session.failed.connect(self._failed)
        self.session.ended.connect(self._ended)
        self.picker.chosen.connect(self._source_chosen)
        self.picker.looked.connect(self._looked)
        self.panel.dials_moved.connect(self._dials_moved)
        self.panel.people_changed.connect(self._rebuild)
        self.panel.build_wanted.connect(self._build)
        self.panel.name_refused.connect(self._name_refused)
        self.panel.send.wanted.connect(self._send)
        self.panel.send.refused.connect(lambda error: self.desk.tell(notice_of(error, _SEND)))
        self.panel.file_wanted.connect(self._ask_network)
        self.bar.start.clicked.connect(self.toggle)
        self.bar.pause.toggled.connect(self.pause)
        self.bar.mirror.toggled.connect(lambda on: self.panel.set_style(mirror=on))
        self.bar.repeat.toggled.connect(lambda _: self._remember())

    def _restore(self) -> None:
        self.panel.set_controls(self.desk.settings.get(Controls))
        self.panel.send.set_addresses(tuple(self._settings.send.split()))
        self._dials = self.panel.controls.dials
        self.bar.mirror.setChecked(self._dials.style.mirror)
        self.picker.restore(self.desk.settings.get(SourceSettings))
        self._say()

    def _remember(self) -> None:
        self._settings = replace(
            self._settings,
            repeat=self.bar.repeat.isChecked(),
            controls_shown=self.bar.controls.isChecked(),
            meters_shown=self.bar.meters.isChecked(),
            send=" ".join(self.panel.send.addresses),
        )
        for section in (self._settings, self.picker.settings, self.panel.controls):
            self.desk.settings.put(section)

    def _fit(self) -> None:
        self.bridge.room_wh = self.view.room_wh
        if self.view.scene is not None and self.session.state is State.IDLE:
            self.view.show_scene(self.view.scene)
