"""The loop: it learns, goes on where it stopped, and keeps what was good."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from network import checkpoint
from pose.errors import InputError
from training.loop import LoopConfig, run_loop


class LineJob:
    """Learns y = 3 x - 1 from points; validates on the line itself."""

    def __init__(self, poison_at: int | None = None) -> None:
        torch.manual_seed(0)
        self.network: nn.Module = nn.Linear(1, 1)
        self.seen = 0
        self._poison_at = poison_at

    def parameter_groups(self, rate: float) -> list[dict[str, Any]]:
        return [{"params": list(self.network.parameters()), "lr": rate}]

    def batches(self, seed: int) -> Iterator[Tensor]:
        draw = torch.Generator().manual_seed(seed)
        for _ in range(7):
            yield torch.rand(16, 1, generator=draw) * 2 - 1

    def losses(self, batch: Tensor) -> dict[str, Tensor]:
        self.seen += 1
        loss = ((self.network(batch) - (3 * batch - 1)) ** 2).mean()
        return {"square": loss * (float("nan") if self.seen == self._poison_at else 1)}

    def validate(self, network: nn.Module) -> dict[str, float]:
        x = torch.linspace(-1, 1, 5)[:, None]
        with torch.no_grad():
            return {"score": -float(((network(x) - (3 * x - 1)) ** 2).mean())}

    def describe(self) -> dict[str, Any]:
        return {"network": {"family": "line"}, "card": "{}"}


SHORT = LoopConfig(
    steps=60, rate=0.3, warmup_steps=5, ema_decay=0.5, validate_every=20, save_every=15
)


def test_it_learns_and_the_best_weights_are_kept(tmp_path: Path) -> None:
    job = LineJob()
    before = job.validate(job.network)["score"]

    final = run_loop(job, SHORT, tmp_path)

    state = checkpoint.load(final)
    assert state["figures"]["score"] > before / 50
    assert checkpoint.load(tmp_path / "best.pt")["figures"]["score"] >= state["figures"]["score"]
    assert state["describe"]["network"] == {"family": "line"}
    assert list(tmp_path.glob("events.*"))


def test_a_run_that_was_stopped_goes_on_and_is_not_repeated(tmp_path: Path) -> None:
    stopped = LineJob(poison_at=40)
    with pytest.raises(InputError, match="step 39"):
        run_loop(stopped, SHORT, tmp_path)
    assert checkpoint.load(tmp_path / "last.pt")["step"] == 30

    again = LineJob()
    run_loop(again, SHORT, tmp_path)

    assert again.seen == 60 - 30
    assert checkpoint.load(tmp_path / "last.pt")["step"] == 60
    assert not list(tmp_path.glob("*.part"))


def test_gradients_of_several_batches_make_one_step(tmp_path: Path) -> None:
    job = LineJob()

    run_loop(job, LoopConfig(steps=4, accumulate=3, rate=0.01, save_every=99), tmp_path)

    assert job.seen == 12


def test_frozen_parts_stay_as_they_are(tmp_path: Path) -> None:
    class Frozen(LineJob):
        def parameter_groups(self, rate: float) -> list[dict[str, Any]]:
            return [{"params": [self.network.weight], "lr": rate}]

    job = Frozen()
    bias = job.network.bias.clone()  # type: ignore[operator]

    run_loop(job, SHORT, tmp_path)

    assert torch.equal(job.network.bias, bias)  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04torn"])
def test_a_file_that_is_no_checkpoint_is_refused_in_one_line(
    tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "x.pt"
    file.write_bytes(content)

    with pytest.raises(InputError) as caught:
        checkpoint.load(file)

    assert "\n" not in str(caught.value)


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    class Canary:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "ran",)

    torch.save({"network": Canary()}, tmp_path / "evil.pt")

    with pytest.raises(InputError):
        checkpoint.load(tmp_path / "evil.pt")

    assert not (tmp_path / "ran").exists()


def test_a_missing_checkpoint_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found none"):
        checkpoint.load(tmp_path / "none.pt")


@pytest.mark.parametrize("optimiser", ["adam", "adamw", "sgd"])
def test_each_optimiser_learns_with_and_without_clipping(tmp_path: Path, optimiser: Any) -> None:
    for clip_norm in (0.0, 1.0):
        job = LineJob()
        before = job.validate(job.network)["score"]
        config = replace(SHORT, optimiser=optimiser, rate=0.05, clip_norm=clip_norm)

        final = run_loop(job, config, tmp_path / str(clip_norm))

        assert checkpoint.load(final)["figures"]["score"] > before / 2


def test_a_group_may_decay_differently(tmp_path: Path) -> None:
    """Adam's decay is added to the gradient: without any other, weights go, biases stay."""

    class Decaying(LineJob):
        def parameter_groups(self, rate: float) -> list[dict[str, Any]]:
            weight, bias = self.network.parameters()
            return [
                {"params": [weight], "lr": rate},
                {"params": [bias], "lr": rate, "weight_decay": 0.0},
            ]

        def losses(self, batch: Tensor) -> dict[str, Tensor]:
            return {"nothing": 0 * self.network(batch).sum()}

    job = Decaying()
    weight, bias = (p.detach().clone() for p in job.network.parameters())

    config = replace(SHORT, optimiser="adam", weight_decay=0.1, rate=0.01, steps=20)
    run_loop(job, config, tmp_path)

    after, same = job.network.parameters()
    assert float(after.abs().detach()) < float(weight.abs())
    assert torch.equal(same, bias)


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda state: state.update(network={"weight": torch.zeros(2, 2)}), "weights of a Linear"),
        (lambda state: state.pop("ema"), "found none in it"),
        (lambda state: state.update(optimiser_kind="sgd"), "its optimiser is sgd, not adamw"),
        (lambda state: state["optimiser"]["param_groups"].append({"params": [7]}), "param"),
        (lambda state: state.pop("step"), "'step'"),
    ],
)
def test_the_folder_of_another_training_is_refused_in_one_line(
    tmp_path: Path, spoil: Callable[[dict[str, Any]], Any], complaint: str
) -> None:
    run_loop(LineJob(), replace(SHORT, steps=3), tmp_path)
    state = checkpoint.load(tmp_path / "last.pt")
    spoil(state)
    checkpoint.save(tmp_path / "last.pt", state)

    with pytest.raises(InputError, match=complaint) as caught:
        run_loop(LineJob(), SHORT, tmp_path)

    assert str(tmp_path / "last.pt") in str(caught.value)


@pytest.mark.parametrize("poison_at", [4, 5, 6])
def test_any_of_several_batches_may_stop_it(tmp_path: Path, poison_at: int) -> None:
    """Batches 4 to 6 make the second step."""
    with pytest.raises(InputError, match="the loss became nan at step 1"):
        run_loop(LineJob(poison_at), replace(SHORT, accumulate=3), tmp_path)


def test_gradients_without_an_end_stop_it_before_they_spoil_the_weights(tmp_path: Path) -> None:
    class Steep(LineJob):
        def losses(self, batch: Tensor) -> dict[str, Tensor]:
            return {"root": (0 * self.network(batch)).abs().sqrt().sum()}  # d sqrt(0) = inf, * 0

    job = Steep()

    with pytest.raises(InputError, match="the gradients became nan at step 0"):
        run_loop(job, SHORT, tmp_path)

    assert all(bool(p.isfinite().all()) for p in job.network.parameters())


def test_no_data_is_said(tmp_path: Path) -> None:
    class Empty(LineJob):
        def batches(self, seed: int) -> Iterator[Tensor]:
            return iter(())

    with pytest.raises(InputError, match="got none to learn from"):
        run_loop(Empty(), SHORT, tmp_path)
