"""docs/gpu.md: for each claim where it was measured, or that it was not.

The page's text is written by hand. Between its two marks stands what `main.py gpu` measured on the
last machine that ran it, and before any did, the same claims with "not yet run on hardware".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from build_engine.compare import Parity
from evaluation.gpu_speed import Timing
from pose.errors import InputError, OutputError

BEGIN = "<!-- main.py gpu writes from here -->"
END = "<!-- to here -->"
NOT_RUN = "not yet run on hardware"

NETWORKS = ("person", "pose", "cpn-50")
PRECISIONS = ("fp32", "fp16", "int8")
_RIVALS = ("torch eager", "torch.compile", "ONNX Runtime CUDA")
_CHIEF = "cpn-50"  # whose speed is a goal


@dataclass(frozen=True, slots=True)
class Machine:
    """What the figures hold for."""

    gpu: str
    driver: str
    versions: Mapping[str, str]
    date: str


@dataclass(frozen=True, slots=True)
class Results:
    """What one run of `main.py gpu` found; whatever is absent was not measured.

    Attributes:
        machine: Where.
        parity: By network and precision, against ONNX Runtime on the CPU; text where it failed.
        timings: All of them.
        tests: Last line of the GPU tests.
        ap: By precision, of the pose model that ships.
        peak_share: By precision, of CPN-50's largest batch.
        missing: By what, why it was not measured.
        weights: What CPN-50's weights are.
    """

    machine: Machine
    parity: Mapping[tuple[str, str], Parity | str] = field(default_factory=dict)
    timings: Sequence[Timing] = ()
    tests: str = ""
    ap: Mapping[str, float] = field(default_factory=dict)
    peak_share: Mapping[str, float] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    weights: str = ""

    def timing(
        self, runner: str, precision: str, batch: int, network: str = _CHIEF
    ) -> Timing | None:
        """The fastest of the ways that were tried, or None."""
        fitting = [
            each
            for each in self.timings
            if (each.network, each.runner, each.precision, each.batch)
            == (network, runner, precision, batch)
        ]
        return min(fitting, key=lambda each: each.p50_ms, default=None)


def rewrite(page: Path, results: Results | None) -> None:
    """Put the tables between the page's marks; every other line stays.

    Raises:
        InputError: The page is not there, or lacks a mark.
        OutputError: It cannot be written.
    """
    try:
        text = page.read_text("utf-8")
    except OSError as error:
        raise InputError(
            f"{page}: {error.strerror or error}; run this in the repository"
        ) from error
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise InputError(f"{page}: expected the lines {BEGIN!r} and {END!r}; put them back")
    part = page.with_name(f"{page.name}.part")
    try:
        part.write_text(f"{before}{begin}\n\n{rendered(results)}\n{end}{after}", "utf-8")
        part.replace(page)
    except OSError as error:
        raise OutputError(f"{page}: cannot be written: {error.strerror or error}") from error


def rendered(results: Results | None) -> str:
    """The tables, as Markdown; of None, every claim is not yet run."""
    blocks = [_machine(results), _claims(results)]
    if results is not None and results.timings:
        blocks.append(_speeds(results))
    if results is not None and results.missing:
        blocks.append(
            "Not measured in this run:\n\n"
            + "\n".join(f"- {what}: {why}" for what, why in results.missing.items())
        )
    return "\n\n".join(blocks) + "\n"


def _machine(results: Results | None) -> str:
    if results is None:
        return f"Machine: none; every row below is {NOT_RUN}."
    machine = results.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    weights = f" CPN-50 has {results.weights}." if results.weights else ""
    return (
        f"Measured on {machine.date} on one {machine.gpu}, driver {machine.driver}; "
        f"{versions}.{weights}"
    )


def _claims(results: Results | None) -> str:
    rows = [("claim", "goal", "result", "measured on")]
    gpu = results.machine.gpu if results else ""
    for what, goal, result in (
        *_parity_claims(results), *_speed_claims(results), *_other_claims(results),
    ):  # fmt: skip
        rows.append((what, goal, result or "–", gpu if result else NOT_RUN))
    return _table(rows)


def _parity_claims(results: Results | None) -> list[tuple[str, str, str]]:
    claims = []
    for network in NETWORKS:
        for precision in PRECISIONS:
            found = results.parity.get((network, precision)) if results else None
            goal = "≤ 0.1 px median" if precision == "fp16" else "within `compare.LIMITS`"
            what = f"{network} {precision} builds, runs and agrees with ONNX Runtime"
            claims.append((what, goal, str(found or "")))
    return claims


def _speed_claims(results: Results | None) -> list[tuple[str, str, str]]:
    one = results.timing("TensorRT", "fp16", 1) if results else None
    many = results.timing("TensorRT", "fp16", 64) if results else None
    claims = [
        (
            "CPN-50 256×192 FP16, batch 1",
            "≤ 1.0 ms data centre, ≤ 3 ms desktop",
            f"{one.p50_ms:.2f} ms (p95 {one.p95_ms:.2f})" if one else "",
        ),
        (
            "CPN-50 256×192 FP16, batch 64",
            "≥ 8,000 crops/s data centre, ≥ 1,500 desktop",
            f"{many.crops_per_s:,.0f} crops/s" if many else "",
        ),
        (
            "CPN-50 FP16, share of the chip's peak at batch 64",
            "–",
            f"{results.peak_share['fp16']:.0%}" if results and "fp16" in results.peak_share else "",
        ),
        ("CPN-50 FP16, what a CUDA graph saves at batch 1", "–", _saved(results)),
    ]
    for rival in _RIVALS:
        precision = "fp32" if rival.startswith("ONNX") else "fp16"
        other = results.timing(rival, precision, 1) if results else None
        text = f"{other.p50_ms / one.p50_ms:.1f} times as fast" if one and other else ""
        claims.append((f"TensorRT FP16 beside {rival} {precision}, batch 1", "faster", text))
    return claims


def _other_claims(results: Results | None) -> list[tuple[str, str, str]]:
    ap = results.ap if results else {}
    cost = ap["fp32"] - ap["fp16"] if {"fp32", "fp16"} <= set(ap) else None
    int8 = ap["fp32"] - ap["int8"] if {"fp32", "int8"} <= set(ap) else None
    return [
        ("pose FP16: AP lost", "≤ 0.001 (0.1 points)", "" if cost is None else f"{cost:.4f}"),
        ("pose INT8: AP lost", "told", "" if int8 is None else f"{int8:.4f}"),
        ("tests marked `gpu`: engine contract, fused estimator, graphs, threads", "all pass",
         results.tests if results else ""),
    ]  # fmt: skip


def _saved(results: Results | None) -> str:
    if results is None:
        return ""
    by_graph = {
        each.graph: each.p50_ms
        for each in results.timings
        if (each.network, each.runner, each.precision, each.batch)
        == (_CHIEF, "TensorRT", "fp16", 1)
    }
    if not {True, False} <= set(by_graph):
        return ""
    return f"{by_graph[False] - by_graph[True]:.3f} ms of {by_graph[False]:.3f}"


def _speeds(results: Results) -> str:
    rows = [
        ("network", "runner", "precision", "CUDA graph", "batch", "p50 ms", "p95 ms",
         "crops/s", "p50 ms from and to the host"),
    ]  # fmt: skip
    for each in results.timings:
        graph = {None: "–", True: "yes", False: "no"}[each.graph]
        host = "–" if each.host_p50_ms is None else f"{each.host_p50_ms:.3f}"
        rows.append(
            (each.network, each.runner, each.precision, graph, str(each.batch),
             f"{each.p50_ms:.3f}", f"{each.p95_ms:.3f}", f"{each.crops_per_s:,.0f}", host)
        )  # fmt: skip
    return _table(rows)


def _table(rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines.insert(1, "|" + "---|" * len(rows[0]))
    return "\n".join(lines)
