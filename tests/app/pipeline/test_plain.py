"""The plain loop: the same stages, the same counts, no thread."""

from __future__ import annotations

import threading

import pytest

from app.pipeline.pipeline import Pipeline
from app.pipeline.plain import run_plainly
from app.pipeline.strip import Stage
from tests.app.pipeline.fakes import Recorder, Resource, ScriptedSource, failing_from, passing


@pytest.mark.parametrize("frames", [0, 1, 5])
@pytest.mark.parametrize("most", [None, 0, 3])
def test_it_does_what_the_pipeline_does(frames: int, most: int | None) -> None:
    plain, piped = Recorder(), Recorder()

    one = run_plainly(ScriptedSource(frames), [Stage("a", passing), Stage("b", plain)], most)
    stages = [[Stage("a", passing)], [Stage("b", piped)]]
    other = Pipeline(ScriptedSource(frames), stages, max_frames=most).run()

    assert plain.indices == piped.indices
    assert (one.frames_in, one.frames_out, one.dropped) == (other.frames_in, other.frames_out, 0)
    assert list(one.stage_s) == list(other.stage_s)


def test_all_happens_in_the_callers_thread() -> None:
    resource, source = Resource(), ScriptedSource(2)

    run_plainly(source, [Stage("a", passing, (resource,))])

    here = threading.current_thread().name
    assert (resource.entered_in, resource.left_in, source.entered_in) == (here, here, here)
    assert source.left and resource.left_with is None


def test_an_error_closes_everything_and_comes_as_it_is() -> None:
    resource, source = Resource(), ScriptedSource(9)

    with pytest.raises(ZeroDivisionError):
        run_plainly(source, [Stage("a", failing_from(2, ZeroDivisionError()), (resource,))])

    assert resource.left_with is ZeroDivisionError and source.left
