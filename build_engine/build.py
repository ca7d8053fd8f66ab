"""Turn trained weights into a network file, and that into an engine for this machine's GPU.

Weights become ONNX; ONNX becomes an engine of TensorRT (or, with --out X.onnx, an ONNX file in
half precision or INT8). An engine without --out goes to the user's cache, where the application
finds it. --onnx alone takes a file that is there, or the name of a model that ships.

Example:
    main.py build --checkpoint runs/cpn50-256x192/final.pt --onnx cpn50.onnx
    main.py build --onnx pose --precision fp16
    main.py build --onnx person --backend tensorrt_rtx --out person.engine
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from build_engine.asked import ONNX, PACKED, check, export_to
from build_engine.build_tensorrt import BuildOptions
from build_engine.compare import Parity
from build_engine.make_engine import NOT_VERIFIED, Backend, Made, Request, make_engine
from build_engine.tensorrt_features import Precision
from build_engine.watch import watched
from engines.engine import read_network_file
from model_zoo.card_page import PAGE_HEAD, card_page
from model_zoo.zoo import model_path
from pose.card import ModelCard
from pose.errors import InputError, OutputError, UsageError
from pose.onnx_header import card_in_onnx

FIGURES = (
    "AP", "AP50", "AP75", "APm", "APl", "AR", "PCK", "PCKh",
    "detector_AP", "detector_AP50", "detector_AP50_large", "detector_AP50_medium",
)  # fmt: skip


@dataclass(frozen=True)
class Config:
    """Weights -> ONNX with its card, compared with torch -> engine, compared with ONNX Runtime."""

    checkpoint: Path | None = None
    """Weights: .pt of a run, .safetensors, pytorch-cpn's .pth.tar, or tf-cpn's snapshot."""
    input_size: str = ""
    """Height x width for a published checkpoint, 256x192; else taken from the file's name."""
    onnx: str = ""
    """X.onnx: written if --checkpoint is given, else read; then a model's name will do."""
    out: Path | None = None
    """X.engine, X.onnx in another precision, or X.safetensors of --checkpoint; else the cache."""
    precision: Precision = "fp16"
    """Of what --out names, or of the engine in the cache."""
    side: int = 0
    """Longest side in pixels that an engine of a detector takes; 0 for the card's own."""
    batch: tuple[int, int, int] = (1, 4, 16)
    """Smallest, usual and largest number of pictures in one run of the engine."""
    keep_fp32: tuple[str, ...] = ()
    """Nodes (by name, with * and ?) or operators that stay float32 in fp16 and int8."""
    backend: Backend = "tensorrt"
    """What builds and runs the engine; tensorrt_rtx builds without a GPU too."""
    workspace_mib: int = 0
    """Most scratch memory of one layer in MiB; 0 chooses by the GPU's memory."""
    level: int = 3
    """Optimisation level, 0 (builds fast) to 5 (runs fast)."""
    dla_core: int = -1
    """Deep learning accelerator of a Jetson to run on; -1 for the GPU."""
    timing_cache: Path | None = None
    """File that remembers how fast kernels were; without it one in the user's cache."""
    pictures: Path | None = None
    """Folder of pictures or a video, to compare and to calibrate on; else the clip that ships."""
    calibrate_on: int = 64
    """Pictures that the ranges of INT8 are learned from."""
    measured: tuple[str, ...] = ()
    """Figures for the card: WHAT=FILE, the file from `main.py evaluate --json`; may be several."""
    name: str = ""
    """Name on the card, instead of the recipe's."""


def run(config: Config) -> None:
    """Do what is asked, and say what was written."""
    check(config)
    if config.checkpoint is not None and config.out and config.out.suffix == PACKED:
        _pack(config.checkpoint, config.out)
        return
    exported = export_to(config)
    request = _request(config, config.onnx if exported is None else str(exported))
    if config.checkpoint is not None and exported is not None:
        page_place(exported)  # before the work that it would come after
        _export(config.checkpoint, exported, config)
        if config.out is None:
            return
    if config.out is not None and config.out.suffix == ONNX:
        _convert(request.onnx, config.out, config)
        return
    with watched(f"{request.onnx} for {config.backend}") as watch:
        made = make_engine(request, watch)
    sys.stdout.write(_told(made, config.precision))


def _request(config: Config, onnx: str) -> Request:
    return Request(
        onnx=onnx,
        out=config.out,
        precision=config.precision,
        side=config.side,
        backend=config.backend,
        options=BuildOptions(
            batch=config.batch,
            workspace_mib=config.workspace_mib,
            level=config.level,
            dla_core=config.dla_core,
            timing_cache=config.timing_cache,
        ),
        keep=config.keep_fp32,
        pictures_from=config.pictures,
        calibrate_on=config.calibrate_on,
    )


def page_place(network: Path) -> Path:
    """Where a network's page goes: beside it, and never in the place of somebody else's.

    Raises:
        OutputError: Both names that it may have are taken.
    """
    names = [network.with_suffix(suffix) for suffix in (".md", ".card.md")]
    for path in names:
        if not path.exists() or _is_page(path):
            return path
    raise OutputError(
        f"{network}: its page would be {names[0]} or {names[1]}, which are somebody else's; "
        "move one of them, or give the network another name"
    )


def _is_page(path: Path) -> bool:
    try:
        return PAGE_HEAD in path.read_text("utf-8", "replace")
    except OSError:  # a folder, or not ours to read
        return False


def write_page(card: ModelCard, network: Path) -> Path:
    """Write the card beside its network, to read.

    Raises:
        OutputError: It cannot be written, or only over somebody else's pages.
    """
    from build_engine.onnx_card import write_bytes

    return write_bytes(card_page(card).encode(), page_place(network))


def _export(checkpoint: Path, onnx: Path, config: Config) -> None:
    from build_engine.export_onnx import export  # torch, which an engine alone does not need
    from build_engine.weights import read_weights

    network, card = read_weights(checkpoint, config.input_size)
    if config.name:
        card = replace(card, name=config.name)
    for what in config.measured:
        card = replace(card, measured={**card.measured, **_figures(what)})
    written = export(network, card, onnx)
    write_page(card, onnx)
    sys.stdout.write(
        f"{written.path}: {written.file_bytes / 1e6:.2f} MB, "
        f"differs from torch by at most {written.difference:.1e}\n"
    )


def _pack(checkpoint: Path, out: Path) -> None:
    from build_engine.weights import write_safetensors

    path = write_safetensors(checkpoint, out)
    sys.stdout.write(f"{path}: {path.stat().st_size / 1e6:.2f} MB\n")


def _convert(onnx: str, out: Path, config: Config) -> None:
    from build_engine.onnx_card import write_bytes
    from build_engine.precision import converted

    source = model_path(onnx)
    card = card_in_onnx(read_network_file(source), str(source))
    if card.precision != "fp32":
        raise UsageError(
            f"{source} is in {card.precision}: expected a float32 file and --precision fp16 or int8"
        )
    content, parity = converted(
        source, card, config.precision, config.keep_fp32, config.pictures, config.calibrate_on
    )
    before = source.stat().st_size
    write_bytes(content, out)
    sys.stdout.write(
        f"{out}: {len(content) / 1e6:.2f} MB (was {before / 1e6:.2f})\n"
        + _cost(config.precision, parity)
    )


def _told(made: Made, precision: Precision) -> str:
    built_for = made.built_for
    gpu = f" on {built_for.gpu}" if built_for.gpu else ""
    lines = [
        f"{made.path}: {made.plan_bytes / 1e6:.2f} MB, {precision}, "
        f"{built_for.backend} {built_for.tensorrt}{gpu}, up to {built_for.max_batch} pictures a run"
    ]
    text = "\n".join(lines) + "\n"
    if made.graph is not None:
        text += _cost(precision, made.graph)
    if made.engine is None:
        return text + f"{NOT_VERIFIED}\n"
    return text + f"the engine beside ONNX Runtime: {made.engine}\n"


def _cost(precision: Precision, parity: Parity) -> str:
    return f"{precision} beside fp32, both on ONNX Runtime: {parity}\n"


def _figures(what: str) -> dict[str, float]:
    """`true boxes=a.json` -> {"AP, true boxes": 0.61, ...}."""
    label, _, file = what.rpartition("=")
    if not label:
        raise UsageError(f"expected --measured WHAT=FILE, got {what!r}")
    try:
        values: Mapping[str, float] = json.loads(Path(file).read_text("utf-8"))
        found = {name: float(values[name]) for name in FIGURES if name in values}
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{file}: expected the JSON of main.py evaluate: {error}") from error
    if not found:
        raise InputError(f"{file}: expected some of {', '.join(FIGURES)}, found none")
    return {f"{name}, {label}": round(value, 4) for name, value in found.items()}
