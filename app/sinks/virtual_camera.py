"""The annotated picture as a camera that video calls and OBS can choose.

The only file that knows pyvirtualcam, which is under the GPL version 2: the program works without
it, loads it for this sender alone, and whoever passes both on must follow its terms. It needs a
driver: v4l2loopback on Linux, OBS's virtual camera on Windows and macOS. No such driver was at
hand when this was written: only the order of its calls and its refusal are tested.
"""

from __future__ import annotations

import logging
import math
from types import TracebackType
from typing import Any

import numpy as np
import pyvirtualcam
from typing_extensions import Self

from app.sinks.address import Address
from app.sources.upright import fitted
from pose.errors import UnavailableError
from pose.types import Scene

_log = logging.getLogger(__name__)

_FPS = 30.0  # what the camera claims; pictures go out as they come


class VirtualCamera:
    """Shows each scene's drawing; opened with the size of the first one.

    Args:
        address: Its path names the device, such as /dev/video10; empty takes the first.

    Raises:
        UnavailableError: At the first scene: there is no driver, or it does not take pictures.
    """

    tick_s = math.inf

    def __init__(self, address: Address) -> None:
        self._address = address
        self._camera: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        camera, self._camera = self._camera, None
        if camera is not None:
            camera.close()

    def __call__(self, scene: Scene) -> None:
        """Show the scene."""
        image = scene.frame.image if scene.drawing is None else scene.drawing
        if self._camera is None:
            self._size_wh = (image.shape[1] // 2 * 2, image.shape[0] // 2 * 2)  # drivers want even
            self._camera = self._opened()
            _log.info("%s shows the picture", self._camera.device)
        self._camera.send(np.ascontiguousarray(fitted(image, self._size_wh)))

    def attend(self) -> None:
        """Nobody to look after."""

    def _opened(self) -> Any:
        width, height = self._size_wh
        try:
            return pyvirtualcam.Camera(
                width,
                height,
                _FPS,
                fmt=pyvirtualcam.PixelFormat.BGR,
                device=self._address.path or None,
            )
        except (RuntimeError, OSError, ValueError) as error:
            raise UnavailableError(
                f"{self._address}: expected a virtual camera, got: {error}; on Linux run: "
                "sudo modprobe v4l2loopback; elsewhere install OBS Studio"
            ) from error
