"""What this machine has: cores, memory, packages, GPU, cameras, codecs, models.

Looks without waking anything up: packages are not imported, the GPU is asked through its driver's
library, cameras are listed and not opened.
"""

from __future__ import annotations

import glob
import os
import platform
from collections.abc import Iterable, Mapping
from importlib import metadata
from importlib.machinery import PathFinder
from pathlib import Path

import av
import cv2
import onnxruntime

from app.cores import cores
from app.finding import Finding as Finding  # whoever looks gets these
from app.machine_gpu import gpu_findings
from app.sources import gpu_decoding
from app.sources.csi import lacks_gstreamer
from model_zoo.zoo import MODELS, model_path
from pose.errors import PoseAppError

# package -> what it is for and what installs it; without these the program does not start
CORE = {
    "numpy": "arrays",
    "opencv-python": "pictures and cameras",
    "onnxruntime": "networks",
    "av": "video files and streams",
    "scipy": "tracking",
    "tyro": "flags",
    "rich": "progress and tables",
}
EXTRAS = {
    "torch": ("training and export", "train"),
    "onnx": ("export", "train"),
    "safetensors": ("checkpoints", "train"),
    "tensorboard": ("curves of a training", "train"),
    "faster-coco-eval": ("accuracy on COCO", "evaluate"),
    "tensorrt": ("fast networks on an NVIDIA GPU", "trt"),
    "pycuda": ("pictures on an NVIDIA GPU", "trt"),
    "PyQt5": ("the window", "gui"),
    "pyqtgraph": ("curves in the window", "gui"),
    "mss": ("the screen as a source", "gui"),
    "pyvirtualcam": ("a camera for video calls", "virtual-camera"),
    "openvino": ("a peer of main.py pareto", "peers"),
}

# How to import what apt installs without pip's knowledge, as on a Jetson.
_MODULES = {"opencv-python": "cv2", "faster-coco-eval": "faster_coco_eval"}


def look() -> list[Finding]:
    """Everything, in the order to show it."""
    return [
        *_computer(),
        *_packages(),
        _providers(),
        *gpu_findings(),
        *_codecs(),
        _gpu_decoding(),
        _cameras(),
        _csi_cameras(),
        _screen(),
        *_models(),
    ]


def machine_name() -> str:
    """Processor, cores that this process may use, and system, to stand beside a measurement."""
    return f"{_processor()}, {cores()} cores, {platform.system()}"


def _computer() -> Iterable[Finding]:
    python = platform.python_version_tuple()
    yield Finding(
        "Python",
        (int(python[0]), int(python[1])) >= (3, 10),
        f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "Python 3.10 or newer",
        required=True,
    )
    yield Finding("Processor", True, f"{_processor()}, {cores()} cores for this process")
    total, free = _memory_gib()
    detail = f"{total:.1f} GiB, {free:.1f} GiB free" if total else "unknown"
    yield Finding("Memory", True, detail)


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("model name", "Model")):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory_gib() -> tuple[float, float]:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 0.0, 0.0
    kib = {line.partition(":")[0]: int(line.split()[1]) for line in lines if len(line.split()) > 1}
    return kib.get("MemTotal", 0) / 2**20, kib.get("MemAvailable", 0) / 2**20


def _packages() -> Iterable[Finding]:
    for package, purpose in CORE.items():
        yield _package(package, purpose, "pip install -e .", required=True)
    for package, (purpose, extra) in EXTRAS.items():
        yield _package(package, purpose, f"pip install -e '.[{extra}]'", required=False)


def _package(package: str, purpose: str, needs: str, required: bool) -> Finding:
    alike = {"opencv-python": ("opencv-python", "opencv-python-headless")}  # same import
    for name in alike.get(package, (package,)):
        try:
            return Finding(package, True, f"{metadata.version(name)} ({purpose})", "", required)
        except metadata.PackageNotFoundError:
            continue
    if PathFinder.find_spec(_MODULES.get(package, package)) is not None:
        return Finding(package, True, f"the system's ({purpose})", "", required)
    return Finding(package, False, f"not installed ({purpose})", needs, required)


def _providers() -> Finding:
    names = [
        name.removesuffix("ExecutionProvider") for name in onnxruntime.get_available_providers()
    ]
    return Finding("ONNX Runtime providers", True, ", ".join(names))


_CODECS: Mapping[str, tuple[str, str, str]] = {
    "H.264 decoder": ("h264", "r", "a PyAV wheel (pip install av)"),
    "H.264 encoder": ("libx264", "w", "a PyAV wheel with x264; without it mp4 holds MPEG-4"),
    "H.265 decoder": ("hevc", "r", "a PyAV wheel (pip install av)"),
    "AV1 decoder": ("libdav1d", "r", "a PyAV wheel with dav1d"),
    "H.264 encoder for NVIDIA": ("h264_nvenc", "w", "a PyAV build with NVENC"),
}


def _codecs() -> Iterable[Finding]:
    for name, (codec, mode, needs) in _CODECS.items():
        try:
            av.codec.Codec(codec, "r" if mode == "r" else "w")
        except (av.codec.codec.UnknownCodecError, ValueError):
            yield Finding(name, False, f"{codec} is not in this FFmpeg", needs)
        else:
            yield Finding(name, True, codec)


def _gpu_decoding() -> Finding:
    why = gpu_decoding.why_not()
    if why:
        needs = "an NVIDIA GPU with its driver, on x86; the CPU decodes as well, slower"
        return Finding("Video decoding on the GPU", False, why, needs)
    return Finding("Video decoding on the GPU", True, "NVDEC, through FFmpeg")


def _csi_cameras() -> Finding:
    name = "OpenCV with GStreamer"
    if lacks_gstreamer(cv2.getBuildInformation()):
        needs = "for csi:// only: a Jetson and its own OpenCV, see docs/jetson.md"
        return Finding(name, False, f"OpenCV {cv2.__version__}", needs)
    return Finding(name, True, f"OpenCV {cv2.__version__}, for csi:// cameras")


def _cameras() -> Finding:
    devices = sorted(glob.glob("/dev/video*"))
    closed = [device for device in devices if not os.access(device, os.R_OK | os.W_OK)]
    if not devices:
        return Finding("Cameras", False, "no /dev/video*", "a USB or built-in camera")
    if closed:
        needs = f"rights for {', '.join(closed)}: add yourself to the group video"
        return Finding("Cameras", False, ", ".join(devices), needs)
    return Finding("Cameras", True, ", ".join(devices))


def _screen() -> Finding:
    display = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY")
    if display or platform.system() in ("Darwin", "Windows"):
        return Finding("Screen", True, display or platform.system())
    return Finding("Screen", False, "no DISPLAY", "a desktop session, for the window only")


def _models() -> Iterable[Finding]:
    for name, entry in MODELS.items():
        try:
            path = model_path(name)
        except PoseAppError as error:
            yield Finding(f"Model {name}", False, entry.purpose, str(error), required=True)
        else:
            size = path.stat().st_size / 2**20
            yield Finding(f"Model {name}", True, f"{path.name}, {size:.1f} MiB, {entry.purpose}")
