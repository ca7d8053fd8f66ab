"""docs/gpu.md says of each claim where it was measured, and its hand-written text is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from build_engine.compare import Parity
from evaluation.gpu_report import (
    BEGIN,
    END,
    NETWORKS,
    NOT_RUN,
    PRECISIONS,
    Machine,
    Results,
    rendered,
    rewrite,
)
from evaluation.gpu_speed import Timing
from pose.errors import InputError

PAGE = Path(__file__).resolve().parents[2] / "docs" / "gpu.md"
MACHINE = Machine("NVIDIA Test 1", "1.2 (CUDA 13.0)", {"tensorrt": "11.4"}, "2026-11-22")
PARITY = Parity(8, 1e-3, 1.0, 0.9999, 0.012, True)


def _timing(runner: str, precision: str, batch: int, graph: bool | None, p50_ms: float) -> Timing:
    return Timing("cpn-50", runner, precision, batch, graph, p50_ms, 2 * p50_ms, None)


RESULTS = Results(
    machine=MACHINE,
    parity={("pose", "fp16"): PARITY, ("pose", "int8"): "REFUSED: it drifted"},
    timings=[
        _timing("TensorRT", "fp16", 1, False, 0.9),
        _timing("TensorRT", "fp16", 1, True, 0.8),
        _timing("TensorRT", "fp16", 64, True, 8.0),
        _timing("torch eager", "fp16", 1, None, 4.0),
    ],
    tests="31 passed in 12.00s",
    ap={"fp32": 0.6473, "fp16": 0.6471},
    peak_share={"fp16": 0.42},
    missing={"ONNX Runtime CUDA of pose": "this ONNX Runtime is built without CUDA"},
    weights="random weights",
)


def _row(text: str, start: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {start}")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_before_any_gpu_every_claim_is_not_yet_run() -> None:
    rows = [line for line in rendered(None).splitlines() if line.startswith("| ")][1:]

    assert len(rows) == len(NETWORKS) * len(PRECISIONS) + 10
    assert all(row.endswith(f"| – | {NOT_RUN} |") for row in rows)


def test_a_claim_is_measured_on_the_gpu_that_ran_it_and_no_other_is() -> None:
    text = rendered(RESULTS)

    assert _row(text, "CPN-50 256×192 FP16, batch 1 ")[2:] == ["0.80 ms (p95 1.60)", MACHINE.gpu]
    assert _row(text, "CPN-50 256×192 FP16, batch 64")[2] == "8,000 crops/s"
    assert _row(text, "CPN-50 FP16, what a CUDA graph")[2] == "0.100 ms of 0.900"
    assert _row(text, "CPN-50 FP16, share")[2] == "42%"
    assert _row(text, "TensorRT FP16 beside torch eager")[2] == "5.0 times as fast"
    assert _row(text, "TensorRT FP16 beside ONNX Runtime CUDA")[2:] == ["–", NOT_RUN]
    assert _row(text, "pose fp16 builds")[2:] == [str(PARITY), MACHINE.gpu]
    assert _row(text, "pose int8 builds")[2:] == ["REFUSED: it drifted", MACHINE.gpu]
    assert _row(text, "person fp16 builds")[2:] == ["–", NOT_RUN]
    assert _row(text, "pose FP16: AP lost")[2] == "0.0002"
    assert _row(text, "pose INT8: AP lost")[2:] == ["–", NOT_RUN]
    assert _row(text, "tests marked `gpu`")[2] == "31 passed in 12.00s"
    assert "- ONNX Runtime CUDA of pose: this ONNX Runtime is built without CUDA" in text
    assert "2026-11-22 on one NVIDIA Test 1, driver 1.2 (CUDA 13.0); tensorrt 11.4" in text


def test_every_timing_has_a_row() -> None:
    text = rendered(RESULTS)

    assert "| cpn-50 | TensorRT | fp16 | yes | 64 | 8.000 | 16.000 | 8,000 | – |" in text
    assert "| cpn-50 | torch eager | fp16 | – | 1 | 4.000 | 8.000 | 250 | – |" in text


def test_what_was_written_by_hand_stays(tmp_path: Path) -> None:
    page = tmp_path / "gpu.md"
    page.write_text(f"# By hand\n\n{BEGIN}\nold table\n{END}\n\nAlso by hand.\n", "utf-8")

    rewrite(page, RESULTS)
    once = page.read_text("utf-8")
    rewrite(page, RESULTS)

    assert page.read_text("utf-8") == once
    assert once.startswith(f"# By hand\n\n{BEGIN}\n")
    assert once.endswith(f"{END}\n\nAlso by hand.\n")
    assert "old table" not in once
    assert [each.name for each in tmp_path.iterdir()] == ["gpu.md"]


@pytest.mark.parametrize("text", ["", BEGIN, END, f"{END} {BEGIN}"])
def test_a_page_without_its_marks_is_left_alone(tmp_path: Path, text: str) -> None:
    page = tmp_path / "gpu.md"
    page.write_text(text, "utf-8")

    with pytest.raises(InputError, match="put them back"):
        rewrite(page, RESULTS)
    assert page.read_text("utf-8") == text


def test_a_page_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run this in the repository"):
        rewrite(tmp_path / "absent.md", None)


def test_the_page_in_the_repository_claims_nothing_that_was_not_measured() -> None:
    """Its table is what the generator writes of no results, or names the GPU that ran it."""
    block = PAGE.read_text("utf-8").partition(BEGIN)[2].partition(END)[0].strip()

    assert block == rendered(None).strip() or block.startswith("Measured on ")
