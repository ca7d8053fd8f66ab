"""Pages at work on the clip that ships, for `make screenshots`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from app.batch.annotate import annotate
from app.batch.entry import State
from app.batch.work import CancelledError
from app.commands.demo import CLIP
from app.people import PeopleConfig
from app.pipeline.meter import Reading
from app.sources.source import open_source

if TYPE_CHECKING:
    from app.gui.batch_page import BatchPage
    from app.gui.review_page import ReviewPage

_SHARE = 0.35  # of an input, when its picture is taken
_PLACE = 245  # a frame of the clip with several people

Ready = Callable[[], bool]


def show_batch(page: BatchPage) -> Ready:
    """Queue the clip and what will fail beside it; ready while the clip is being worked on."""
    folder = tempfile.TemporaryDirectory(prefix="pose-batch-", ignore_cleanup_errors=True)
    page.destroyed.connect(lambda: folder.cleanup())
    bad = Path(folder.name) / "notes, not a film.mp4"
    bad.write_text("not a film")
    page.queue.opened.connect(lambda: page.add([str(bad), str(CLIP)]))
    page.choose_out(str(Path(folder.name) / "results"))

    def ready() -> bool:
        entries = page.queue.entries
        if len(entries) == 2 and not page.queue.running:
            page.toggle()
        working = [entry for entry in entries if entry.state is State.WORKING]
        return bool(working) and working[0].progress.share > _SHARE

    return ready


def show_review(page: ReviewPage) -> Ready:
    """Make the clip's results and open them over the clip; ready when a frame is shown."""
    folder = tempfile.TemporaryDirectory(prefix="pose-review-", ignore_cleanup_errors=True)
    page.destroyed.connect(lambda: folder.cleanup())
    result = Path(folder.name) / "demo.jsonl"

    def tick(reading: Reading) -> None:
        if page.closing:
            raise CancelledError

    page.desk.offload.run(
        "make results",
        lambda: annotate(open_source(str(CLIP)), PeopleConfig(detect_every=3), [result], tick),
        lambda _: page.open(result),
        owner=page,
    )
    asked = False

    def ready() -> bool:
        nonlocal asked
        reviewed = page.reviewed
        if reviewed is None:
            return False
        if not asked:
            asked = True
            page.open_film(str(CLIP))
        if reviewed.place is None:
            return False
        page.seek(_PLACE)
        return page.view.scene is not None and page.view.scene.frame.index == page.at

    return ready
