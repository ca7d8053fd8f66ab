"""Where a reviewed film's pictures are drawn: off the GUI thread, newest wish first."""

from __future__ import annotations

from PyQt5.QtCore import QObject, pyqtSignal

from app.gui.bridge import Picture
from app.gui.offload import Offload
from app.gui.picture_view import PictureView
from app.gui.reviewed import Reviewed, picture_of
from app.steps.draw import DrawStyle


class FilmScreen(QObject):
    """Shows frames of what is open; one picture is drawn at a time.

    Args:
        view: Where pictures appear.
        offload: Runs the drawing.
    """

    failed = pyqtSignal(object)  # an error while drawing what is open

    def __init__(self, view: PictureView, offload: Offload) -> None:
        super().__init__(view)
        self._view, self._offload = view, offload
        self._reviewed: Reviewed | None = None
        self._wish: tuple[int, tuple[int, ...]] = (0, ())
        self._shown: tuple[object, ...] = ()
        self._drawn_from: Reviewed | None = None  # whose picture is being drawn
        self._broken = -1  # a frame whose picture could not be drawn
        view.resized.connect(self._draw)

    def open(self, reviewed: Reviewed) -> None:
        """Show another result; the film of the one before is closed."""
        before, self._reviewed = self._reviewed, reviewed
        self._shown, self._broken = (), -1
        if before is not None and before is not self._drawn_from:
            close(before)  # else its last picture does

    def show(self, at: int, ids: tuple[int, ...]) -> None:
        """Draw frame `at` with the chosen people, unless it is there already."""
        self._wish = (at, ids)
        self._draw()

    def _draw(self) -> None:
        reviewed, room_wh = self._reviewed, self._view.room_wh
        at, ids = self._wish
        wish = (at, ids, room_wh)
        if reviewed is None or self._drawn_from is not None or wish == self._shown:
            return
        if at == self._broken:  # a notice about it changes the room: not again for that
            return
        self._drawn_from, self._shown = reviewed, wish
        plain = reviewed.place is not None and reviewed.place.annotated
        style = DrawStyle(show_skeletons=not plain, show_ids=not plain)
        self._offload.run(
            "draw",
            lambda: picture_of(reviewed, at, ids, style, room_wh),
            lambda picture: self._drawn(reviewed, picture),
            lambda error: self._not_drawn(reviewed, at, error),
            owner=self,
        )

    def _drawn(self, reviewed: Reviewed, picture: Picture) -> None:
        self._drawn_from = None
        if reviewed is self._reviewed:
            if self._broken >= 0:  # other words over the picture are the page's
                self._view.say("")
            self._broken = -1
            self._view.show_picture(picture)
        else:
            close(reviewed)
        self._draw()

    def _not_drawn(self, reviewed: Reviewed, at: int, error: BaseException) -> None:
        self._drawn_from = None
        if reviewed is self._reviewed:
            self._broken = at
            self._view.clear()
            self._view.say(self.tr("This picture cannot be shown"))
            self.failed.emit(error)
        else:
            close(reviewed)
        self._draw()


def close(reviewed: Reviewed) -> None:
    """Close the film of what is not shown any more."""
    if reviewed.film is not None:
        reviewed.film.close()
