"""Whether the GPU decodes video here: NVIDIA's NVDEC through FFmpeg, else the CPU does.

Decided by what is here: FFmpeg built with CUDA, a driver that answers, NVIDIA's decoder library.
`main.py doctor` says the same. Pictures come back to the CPU's memory as NV12 and are turned into
BGR there, so that what follows need not know. Not yet run on a GPU: the machine this was written on
has none, and its refusal is what the tests cover.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys

from av.codec.hwaccel import HWAccel, hwdevices_available

from engines.cuda_driver import probe

DEVICE = "cuda"
SWITCH = "POSE_GPU_DECODING"  # 0 keeps the GPU out of it

_DECODER = "nvcuvid.dll" if sys.platform == "win32" else "libnvcuvid.so.1"


@functools.cache
def why_not() -> str:
    """Why the GPU cannot decode; empty if it can."""
    if os.environ.get(SWITCH) == "0":
        return f"{SWITCH}=0 says no"
    if DEVICE not in hwdevices_available():
        return "this FFmpeg was built without CUDA"
    driver = probe()
    if not driver.present:
        return driver.reason
    try:
        ctypes.CDLL(_DECODER)
    except OSError:
        return f"the driver brings no decoder ({_DECODER})"
    return ""


def accelerator() -> HWAccel | None:
    """What to open a file with; None where the CPU decodes."""
    return None if why_not() else HWAccel(DEVICE, allow_software_fallback=True)
