"""The card that sends people to other programs: a line of addresses, checked when entered."""

from __future__ import annotations

from PyQt5.QtCore import QCoreApplication, pyqtSignal
from PyQt5.QtWidgets import QLabel, QLineEdit, QWidget

from app.gui.parts import Card
from app.sinks.sender import SENDERS, check_senders, takes_stdout
from pose.errors import UsageError


class SendCard(Card):
    """A line for addresses such as `ws://127.0.0.1:8765 osc://127.0.0.1:9002`; Return applies it.

    Only this machine is reached: listening elsewhere is `main.py live --expose`.

    Args:
        parent: Owns it.
    """

    wanted = pyqtSignal(tuple)  # the addresses, when they changed and can be meant
    refused = pyqtSignal(object)  # UsageError: they cannot

    def __init__(self, parent: QWidget) -> None:
        title = QCoreApplication.translate("SendCard", "Send to other programs")
        super().__init__(title, parent, opened=False)
        self._addresses: tuple[str, ...] = ()
        self.line = QLineEdit(self)
        self.line.setAccessibleName(self.tr("Addresses to send people to"))
        self.line.setPlaceholderText(SENDERS["ws"].example)
        offers = [
            f"{kind.example}: {kind.purpose}"
            for kind in SENDERS.values()
            if not takes_stdout([kind.example])
        ]
        self.line.setToolTip("\n".join(offers))
        self.line.editingFinished.connect(self._entered)
        self.told = QLabel(self)
        self.told.setWordWrap(True)
        self.rows.addWidget(self.line)
        self.rows.addWidget(self.told)
        self._say()

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where people are sent."""
        return self._addresses

    def set_addresses(self, addresses: tuple[str, ...]) -> None:
        """Put addresses into the line; tells nobody."""
        self._addresses = addresses
        self.line.setText(" ".join(addresses))
        self._say()

    def _entered(self) -> None:
        addresses = tuple(self.line.text().split())
        if addresses == self._addresses:
            return
        try:
            check_senders(addresses)
            if takes_stdout(addresses):
                raise UsageError(
                    "expected an address, got stdout; that is main.py live --send stdout"
                )
        except UsageError as error:
            self.refused.emit(error)
            return
        self.set_addresses(addresses)
        self.wanted.emit(addresses)

    def _say(self) -> None:
        if self._addresses:
            self.told.setText(self.tr("Every frame's people, while it runs."))
        else:
            self.told.setText(self.tr("ws, tcp, udp, osc or camera; several with blanks between."))
