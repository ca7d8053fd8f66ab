"""Estimation that stays on the GPU: frames go up once, keypoints come back.

One kernel cuts, normalises and batches all crops, TensorRT runs, one kernel reads the heatmaps:
the same arithmetic as `app.steps.estimate`, which the contract test holds it to. All of it is one
CUDA graph per number of people.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from typing_extensions import Self

from app.steps.estimate import CropEstimator
from app.steps.kernel_records import (
    CPN_KERNEL,
    CROP,
    DECODERS,
    THREADS,
    Records,
    network_record,
    starts,
)
from engines import cuda_driver, cuda_kernels
from engines.engine import Engine
from engines.tensorrt_engine import TensorRtEngine
from engines.tensorrt_session import OnGpu, Session
from pose import affine, crops
from pose.card import ModelCard
from pose.errors import EngineError, ModelFileError
from pose.types import Boxes, FloatArray, Frame, Poses

_log = logging.getLogger(__name__)

_BLOCK = (32, 8, 1)  # pixels of a crop
_FLOAT_BYTES = 4


def estimator_for(engine: Engine, flip: bool = False) -> CropEstimator:
    """The fastest estimator for an engine: on the GPU where the engine is there."""
    if isinstance(engine, TensorRtEngine):
        if engine.card.decoder in DECODERS:
            return GpuEstimator(engine, flip)
        _log.info("no kernel reads %s: crops are cut and read on the CPU", engine.card.decoder)
    return CropEstimator(engine, flip)


class GpuEstimator(CropEstimator):
    """`CropEstimator` on the GPU, for a TensorRT engine; enter it in the thread that uses it."""

    def __init__(self, engine: TensorRtEngine, flip: bool = False) -> None:
        super().__init__(engine, flip)
        if engine.card.decoder not in DECODERS:
            raise ModelFileError(
                f"expected a decoder of {sorted(DECODERS)} for the GPU, "
                f"got {engine.card.decoder!r}; estimate on the CPU"
            )
        self._tensorrt = engine
        self._fused: _Fused | None = None

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            self._fused = _Fused(self._tensorrt.session, self.card, self._flip)
        except BaseException as error:
            super().__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self._fused = None  # the engine's device frees its memory
        super().__exit__(*exc)

    def __call__(self, frames: Sequence[Frame], boxes: Sequence[Boxes]) -> list[Poses]:
        """See `CropEstimator.__call__`."""
        if self._fused is None:
            raise RuntimeError("enter the estimator (with estimator: ...) before use")
        session = self._tensorrt.session  # RuntimeError in another thread
        assert session is self._fused.session
        found = self._fused(frames, boxes)
        ends = np.cumsum([0, *map(len, boxes)])
        return [
            Poses(found[start:end, :, :2].copy(), found[start:end, :, 2].copy(), people)
            for start, end, people in zip(ends, ends[1:], boxes, strict=False)
        ]


class _Fused:
    """The GPU's side: kernels, and memory for the largest batch and the frames of a run."""

    def __init__(self, session: Session, card: ModelCard, flip: bool) -> None:
        self.session, self._device = session, session.device
        self._card, self._flip = card, flip
        self._hw = card.input_size_wh[1], card.input_size_wh[0]
        self._maps_of = self._name_of_maps()
        maps = self._maps(1)
        self._keypoints, *self._map_hw = maps.shape[1:]
        image = cuda_kernels.kernels_for(self._device.gpu.architecture, cuda_driver.probe().cuda)
        self._cut = self._device.load(image, "cut_crops")
        self._decode = self._device.load(image, "decode_heatmaps")
        self._network = self._placed(network_record(card, (self._map_hw[1], self._map_hw[0])))
        self._sides = self._placed(np.asarray(card.keypoints.flip, np.int32))
        self._frames, self._frame_bytes = 0, 0
        self._host_frames = np.zeros(0, np.uint8)
        self._generation = 0  # of addresses: what was recorded for others must not run again
        self._most = self._room(session.max_batch)

    def __call__(self, frames: Sequence[Frame], boxes: Sequence[Boxes]) -> FloatArray:
        """(N, K, 3): x, y in pixels of each one's frame and score, in the order of the boxes."""
        people = self._people(frames, boxes)
        found = np.empty((len(people), self._keypoints, 3), np.float32)
        if len(people):
            self._upload(frames, boxes)
        done = 0
        while done < len(people):
            part = people[done : done + self._most]
            try:
                found[done : done + len(part)] = self._run(part)
                done += len(part)
            except MemoryError as error:
                self._halve(len(part), error)
        return found

    # ---- one run -------------------------------------------------------------------------------

    def _run(self, people: Records) -> FloatArray:
        """Poses of as many people as fit at once."""
        device, count = self._device, len(people)
        prepared = self.session.prepare(count, self._hw)
        maps = prepared.outputs[self._maps_of]
        self._host_crops[:count] = people
        given = self._host_crops[:count].view(np.uint8)
        answer = self._host_found[:count]
        half_bytes = count * self._keypoints * self._map_hw[0] * self._map_hw[1] * _FLOAT_BYTES

        def enqueue() -> None:
            device.upload(self._crops, given)
            self._launch_cut(count, prepared.input.address, mirrored=0)
            prepared.enqueue()
            if self._flip:
                device.copy(self._plain, maps.address, half_bytes)
                self._launch_cut(count, prepared.input.address, mirrored=1)
                prepared.enqueue()
                self._launch_decode(count, self._plain, maps.address)
            else:
                self._launch_decode(count, maps.address, 0)
            device.download(answer, self._found)

        self.session.run(("fused", count, self._generation), prepared, enqueue)
        device.synchronize()
        return answer

    def _launch_cut(self, count: int, batch: int, mirrored: int) -> None:
        height, width = self._hw
        grid = -(-width // _BLOCK[0]), -(-height // _BLOCK[1]), count
        addresses = map(np.uint64, (self._network, self._crops, self._frames, batch))
        self._device.launch(self._cut, grid, _BLOCK, *addresses, np.int32(mirrored))

    def _launch_decode(self, count: int, maps: int, mirrored: int) -> None:
        addresses = (
            self._network, self._crops, self._sides, maps, mirrored, self._rows, self._found
        )  # fmt: skip
        grid = self._keypoints, count, 1
        self._device.launch(self._decode, grid, (THREADS, 1, 1), *map(np.uint64, addresses))

    # ---- what goes up --------------------------------------------------------------------------

    def _people(self, frames: Sequence[Frame], boxes: Sequence[Boxes]) -> Records:
        """Everyone's record; frames without people are not uploaded."""
        size_wh = self._card.input_size_wh
        to_crop = affine.heatmap_to_crop(size_wh, (self._map_hw[1], self._map_hw[0]))
        people = np.zeros(sum(map(len, boxes)), CROP)
        done = 0
        for frame, own, start in zip(frames, boxes, starts(frames, boxes), strict=True):
            part = people[done : done + len(own)]
            part["frame"], part["size_wh"] = start, frame.size_wh
            part["to_frame"] = crops.crop_to_frame(own, size_wh, self._card.crop_padding)
            part["heatmap_to_frame"] = affine.compose(
                part["to_frame"], np.broadcast_to(to_crop, (len(own), 2, 3))
            )
            done += len(own)
        return people

    def _upload(self, frames: Sequence[Frame], boxes: Sequence[Boxes]) -> None:
        places = starts(frames, boxes)
        used = [i for i, own in enumerate(boxes) if len(own)]
        wanted = max(places[i] + frames[i].image.nbytes for i in used)
        if wanted > self._frame_bytes:
            self._make_room_for_frames(wanted)
        for i in used:
            image = frames[i].image
            host = self._host_frames[places[i] : places[i] + image.nbytes]
            np.copyto(host.reshape(image.shape), image)
            self._device.upload(self._frames + places[i], host)

    # ---- memory --------------------------------------------------------------------------------

    def _room(self, most: int) -> int:
        """Make room for so many people at once, or half as many, and so on."""
        while True:
            try:
                self._allocate(most)
                return most
            except MemoryError as error:
                if most == 1:
                    raise self._too_large(error) from error
                most //= 2

    def _allocate(self, most: int) -> None:
        height, width = self._map_hw
        answers = most * self._keypoints * 3 * _FLOAT_BYTES
        maps = most * self._keypoints * height * width * _FLOAT_BYTES
        rows = most * self._keypoints * height * (width + CPN_KERNEL - 1) * _FLOAT_BYTES
        blurs = self._card.decoder == "heatmap_cpn"
        sizes = (most * CROP.itemsize, answers, rows * blurs, maps * self._flip)
        made: list[int] = []
        try:
            for size in sizes:
                made.append(self._device.allocate(size) if size else 0)
            host_crops, host_found = self._device.pinned(sizes[0]), self._device.pinned(answers)
        except MemoryError:
            for address in filter(None, made):
                self._device.free(address)
            raise
        self._room_for_people, self._generation = made, self._generation + 1
        self._crops, self._found, self._rows, self._plain = made
        self._host_crops = host_crops.view(CROP)
        self._host_found = host_found.view(np.float32).reshape(most, self._keypoints, 3)

    def _make_room_for_frames(self, wanted: int) -> None:
        """Before crops: a frame cannot be halved."""
        if self._frames:
            self._device.free(self._frames)
            self._frames, self._frame_bytes = 0, 0
        while True:
            try:
                self._frames = self._device.allocate(wanted)
                self._host_frames = self._device.pinned(wanted)
                self._frame_bytes = wanted
                self._generation += 1
                return
            except MemoryError as error:
                if self._most == 1:
                    raise self._too_large(error) from error
                for address in filter(None, self._room_for_people):
                    self._device.free(address)
                self._most = self._room(self._most // 2)

    def _placed(self, array: npt.NDArray[np.generic]) -> int:
        """Copy a small array that stays."""
        address = self._device.allocate(array.nbytes)
        self._device.upload(address, np.ascontiguousarray(array).view(np.uint8))
        self._device.synchronize()
        return address

    def _halve(self, count: int, error: MemoryError) -> None:
        if count == 1:
            raise self._too_large(error) from error
        self._most = count // 2
        _log.warning(
            "GPU memory is short: %s now sees %d people at a time", self._card.name, self._most
        )

    def _too_large(self, error: MemoryError) -> EngineError:
        return EngineError(
            f"{self._device.gpu.name} does not hold frame and crops of {self._card.name} "
            f"({error}); close other programs or take smaller frames"
        )

    # ---- the network's answer ------------------------------------------------------------------

    def _name_of_maps(self) -> str:
        outputs = self.session.prepare(1, self._hw).outputs
        return "heatmaps" if "heatmaps" in outputs else next(iter(outputs))

    def _maps(self, count: int) -> OnGpu:
        maps = self.session.prepare(count, self._hw).outputs[self._maps_of]
        skeleton = self._card.keypoints
        if len(maps.shape) != 4 or maps.shape[1] != len(skeleton):
            raise ModelFileError(
                f"{self._card.name}: expected {len(skeleton)} heatmaps per person "
                f"({skeleton.name}), got an answer of shape {maps.shape}; mend the card"
            )
        if maps.dtype != np.float32:
            raise EngineError(
                f"{self._card.name}: expected heatmaps of float32, got {maps.dtype}; "
                "build the engine with float32 outputs"
            )
        return maps
