"""A plan at work in one thread: its contexts, buffers, stream and CUDA graphs.

Each batch size has a context too and is recorded as a CUDA graph at its second run, because a
graph must not outlive a change of its context. Batch sizes beyond the room share one context and
run without graphs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from typing_extensions import Self

from engines.cuda_device import CudaDevice, Recording
from engines.tensorrt_plan import Context, Plan, TensorSpec
from pose.errors import EngineError
from pose.types import FloatArray

_log = logging.getLogger(__name__)

_MOST_GRAPHS = 16  # each holds a context's working memory
_FLOAT = np.dtype(np.float32)
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OnGpu:
    """An array on the GPU."""

    address: int
    shape: Shape
    dtype: np.dtype[Any]

    @property
    def nbytes(self) -> int:
        """Its size."""
        return prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True, slots=True)
class Prepared:
    """A context that is ready for one batch size: fill `input`, call `enqueue`, read `outputs`.

    Attributes:
        input: (N, 3, H, W) float32, normalised as the card says.
        outputs: By name, first axis N.
        enqueue: Puts one run on the device's stream.
        lasting: Whether the context stays as it is, so that `enqueue` may be recorded.
    """

    input: OnGpu
    outputs: Mapping[str, OnGpu]
    enqueue: Callable[[], None]
    lasting: bool


class Session:
    """A plan with buffers for its largest batch; everything happens in the thread that made it."""

    def __init__(self, device: CudaDevice, plan: Plan, max_batch: int, graphs: bool) -> None:
        """Make the first context and the buffers.

        Args:
            device: Entered.
            plan: Deserialised on that device.
            max_batch: Most pictures in one run; halved until the GPU holds them.
            graphs: Record each batch size as a CUDA graph.

        Raises:
            EngineError: The GPU does not hold one picture, or TensorRT refuses.
        """
        self.device = device
        self.max_batch = max_batch
        self._plan = plan
        self._replay = Replay(device, graphs)
        self._most_contexts = _MOST_GRAPHS if graphs else 0
        self._prepared: dict[Shape, Prepared] = {}
        self._contexts: list[Context] = []
        self._common_shape: Shape = ()
        try:
            self._common = self._first_context()
            self._buffers = self._fitting_buffers()
            self._set_addresses(self._common)
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        """Work before graphs, graphs before contexts, contexts before the plan."""
        try:
            self.device.synchronize()
        except (EngineError, MemoryError) as error:  # whatever failed was told when it failed
            _log.debug("while leaving %s: %s", self._plan, error)
        self._replay.forget()
        self._prepared.clear()
        for context in self._contexts:
            context.close()

    def prepare(self, count: int, hw: tuple[int, int]) -> Prepared:
        """Make ready for a batch.

        Args:
            count: N, at most `max_batch`.
            hw: Height and width of the pictures.

        Raises:
            EngineError: The plan does not take it.
            MemoryError: The GPU is full.
        """
        shape = (max(count, self._plan.least), 3, *hw)
        if shape in self._prepared:
            return self._prepared[shape]
        own = self._context_of_its_own()
        context = own or self._common
        if own:
            self._set_addresses(own)
        if own or shape != self._common_shape:
            context.set_shape(self._plan.input, shape)
        if not own:
            self._common_shape = shape
        prepared = Prepared(
            OnGpu(self._buffers.input, shape, _FLOAT),
            {output.name: self._output(context, output, shape) for output in self._plan.outputs},
            lambda: context.enqueue(self.device.stream),
            lasting=own is not None,
        )
        if own:
            self._prepared[shape] = prepared
        return prepared

    def run(self, key: Hashable, prepared: Prepared, enqueue: Callable[[], None]) -> None:
        """Put work on the stream that calls `prepared.enqueue`, recorded where that helps.

        Args:
            key: Same key, same work: same addresses, same sizes.
            prepared: What it calls.
            enqueue: Does it.
        """
        if prepared.lasting:
            self._replay(key, enqueue)
        else:
            enqueue()

    def infer(self, batch: FloatArray) -> dict[str, FloatArray]:
        """Run the plan once, from and to the host; (N, 3, H, W), 1 <= N <= max_batch."""
        device, count = self.device, len(batch)
        prepared = self.prepare(count, (batch.shape[2], batch.shape[3]))
        given = self._buffers.host_input[: batch.nbytes].view(np.float32)
        given[:] = batch.ravel()
        answers = {
            name: self._buffers.host_outputs[name][: output.nbytes]
            .view(output.dtype)
            .reshape(output.shape)
            for name, output in prepared.outputs.items()
        }

        def enqueue() -> None:
            device.upload(prepared.input.address, given)
            prepared.enqueue()
            for name, output in prepared.outputs.items():
                device.download(answers[name], output.address)

        self.run(("infer", batch.shape), prepared, enqueue)
        device.synchronize()
        # A plan that takes no fewer than `least` pictures answers for what lay behind ours too.
        return {name: np.array(answer[:count], np.float32) for name, answer in answers.items()}

    # ---- contexts ------------------------------------------------------------------------------

    def _first_context(self) -> Context:
        """The one that all batch sizes share that have none of their own."""
        try:
            return self._context()
        except MemoryError as error:
            raise self._too_large(error) from error

    def _context_of_its_own(self) -> Context | None:
        """For a batch size that is to be recorded; None where there is no room for one more."""
        if len(self._prepared) >= self._most_contexts:
            return None
        try:
            return self._context()
        except (MemoryError, EngineError) as error:
            self._most_contexts = len(self._prepared)
            _log.warning("no CUDA graphs for further batch sizes: %s", error)
            return None

    def _context(self) -> Context:
        self._contexts.append(self._plan.context(self.device.stream))
        return self._contexts[-1]

    def _set_addresses(self, context: Context) -> None:
        for name, address in {
            self._plan.input: self._buffers.input,
            **self._buffers.outputs,
        }.items():
            context.set_address(name, address)

    def _output(self, context: Context, output: TensorSpec, of: Shape) -> OnGpu:
        place = OnGpu(self._buffers.outputs[output.name], context.shape(output.name), output.dtype)
        if place.nbytes > len(self._buffers.host_outputs[output.name]):
            raise EngineError(
                f"{self._plan}: output {output.name!r} is larger for {of} than for its largest "
                "input; build it from a network without such outputs"
            )
        return place

    # ---- buffers -------------------------------------------------------------------------------

    def _fitting_buffers(self) -> Buffers:
        """For the largest batch, which is halved until it fits."""
        least, (_, *picture) = self._plan.least, self._plan.largest
        while True:
            shape = (max(self.max_batch, least), *picture)
            self._common.set_shape(self._plan.input, shape)
            self._common_shape = shape
            sizes = {
                output.name: prod(self._common.shape(output.name)) * output.dtype.itemsize
                for output in self._plan.outputs
            }
            try:
                return _allocated(self.device, prod(shape) * _FLOAT.itemsize, sizes)
            except MemoryError as error:
                if self.max_batch <= least:
                    raise self._too_large(error) from error
                self.max_batch //= 2
                _log.warning(
                    "GPU memory is short: %s now runs %d pictures at a time",
                    self._plan, self.max_batch,
                )  # fmt: skip

    def _too_large(self, error: MemoryError) -> EngineError:
        return EngineError(
            f"{self.device.gpu.name} does not hold {self._plan} ({error}); close other programs, "
            "or build it for a smaller batch: main.py build --batch"
        )


@dataclass(frozen=True)
class Buffers:
    """Memory for the largest batch: addresses on the GPU, page-locked bytes on the host."""

    input: int
    outputs: Mapping[str, int]
    host_input: Any
    host_outputs: Mapping[str, Any]


def _allocated(device: CudaDevice, size: int, outputs: Mapping[str, int]) -> Buffers:
    made: list[int] = []
    try:
        for wanted in (size, *outputs.values()):
            made.append(device.allocate(wanted))
        return Buffers(
            made[0],
            dict(zip(outputs, made[1:], strict=True)),
            device.pinned(size),
            {name: device.pinned(wanted) for name, wanted in outputs.items()},
        )
    except MemoryError:
        for address in made:
            device.free(address)
        raise


class Replay:
    """Runs work plainly the first time, records it the second time, then launches the record."""

    def __init__(self, device: CudaDevice, wanted: bool = True) -> None:
        self._device, self._wanted = device, wanted
        self._seen: set[Hashable] = set()
        self._recorded: dict[Hashable, Recording] = {}

    def __call__(self, key: Hashable, enqueue: Callable[[], None]) -> None:
        """Put the work on the device's stream; TensorRT wants one plain run before a recording."""
        if key in self._recorded:
            self._recorded[key].launch()
        elif key not in self._seen or not self._wanted:
            self._seen.add(key)
            enqueue()
        else:
            self._record(key, enqueue)

    def forget(self) -> None:
        """Let go of all recordings."""
        while self._recorded:
            self._recorded.popitem()[1].free()

    def _record(self, key: Hashable, enqueue: Callable[[], None]) -> None:
        try:
            self._recorded[key] = self._device.record(enqueue)
        except EngineError as error:  # some layers cannot be recorded; a plain run still works
            self._wanted = False
            _log.warning("running without CUDA graphs: %s", error)
            enqueue()
        else:
            self._recorded[key].launch()
