"""Several processes learn what one learns from the joined batch. Real processes, over gloo."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from pose.errors import UsageError
from tests.training import two_processes
from training import distributed
from training.schedule import halved_every, linearly_scaled
from training.train import Config, run

ROOT = Path(__file__).resolve().parents[2]


def torchrun(*words: str, processes: int = 2) -> subprocess.CompletedProcess[str]:
    """Start processes as a user would; `torchrun` is this module's name on the path."""
    with tempfile.TemporaryDirectory() as folder:  # it leaves its own there
        return subprocess.run(
            [sys.executable, "-m", "torch.distributed.run", "--standalone",
             "--nproc-per-node", str(processes), *words],
            cwd=ROOT,
            env={
                **os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "TMPDIR": folder,
            },
            capture_output=True,
            text=True,
            timeout=280,
        )  # fmt: skip


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What two processes computed."""
    out = tmp_path_factory.mktemp("group") / "out.pt"
    done = torchrun("tests/training/two_processes.py", str(out))
    assert done.returncode == 0, done.stderr[-2000:]
    answer: dict[str, Any] = torch.load(out, weights_only=True)
    assert answer["processes"] == 2
    return answer


def farthest(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> float:
    """Largest difference of any number, in parts of the largest number."""
    assert found.keys() == wanted.keys()
    scale = max(float(value.abs().max()) for value in wanted.values())
    return max(float((found[name] - wanted[name]).abs().max()) for name in wanted) / scale


@pytest.mark.slow
@pytest.mark.timeout(300)  # three processes import torch, on a machine that may be busy
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-5)])
def test_two_processes_have_the_gradients_of_the_joined_batch(
    together: dict[str, Any], dtype: str, tolerance: float
) -> None:
    alone = two_processes.gradients(getattr(torch, dtype), synchronised=False, parts=1)

    assert farthest(together[dtype]["gradients"], alone["gradients"]) < tolerance
    assert farthest(together[dtype]["statistics"], alone["statistics"]) < tolerance


@pytest.mark.slow
def test_without_synchronised_norm_they_have_not(together: dict[str, Any]) -> None:
    """Or the test above could not fail."""
    alone = two_processes.gradients(torch.float64, synchronised=False, parts=1)

    assert farthest(together["plain"]["gradients"], alone["gradients"]) > 1e-2


@pytest.mark.slow
def test_accumulated_parts_are_the_mean_over_their_joined_batches(together: dict[str, Any]) -> None:
    """Each process shows its share in two parts: BatchNorm sees a part, of both processes."""
    network = two_processes.Small().double()
    whole = two_processes.batch(torch.float64)
    mine = [torch.arange(rank, two_processes.CROPS, 2) for rank in (0, 1)]
    for half in (slice(0, 2), slice(2, 4)):
        chosen = torch.cat([order[half] for order in mine])
        losses = two_processes.losses(network, {n: v[chosen] for n, v in whole.items()})
        (torch.stack(list(losses.values())).sum() / 2).backward()  # type: ignore[no-untyped-call]
    wanted = {name: p.grad for name, p in network.named_parameters()}

    assert farthest(together["accumulated"]["gradients"], wanted) < 1e-12  # type: ignore[arg-type]


@pytest.mark.slow
def test_what_is_said_is_the_mean_over_all(together: dict[str, Any]) -> None:
    assert together["mean"] == {"a": 0.5}


def test_one_process_needs_no_group() -> None:
    with distributed.group(torch.device("cpu")):
        assert (distributed.processes(), distributed.rank(), distributed.is_first()) == (1, 0, True)
        assert distributed.averaged({"a": 3.0}) == {"a": 3.0}


def test_synchronised_norm_keeps_names_and_alone_is_the_plain_one() -> None:
    torch.manual_seed(0)
    x = torch.randn(4, 3, 5, 5)
    plain, synchronised = nn.BatchNorm2d(3), nn.Sequential(nn.BatchNorm2d(3))
    names = list(synchronised.state_dict())

    distributed.with_synchronised_norm(synchronised, torch.device("cpu"))

    assert isinstance(synchronised[0], distributed.CpuSyncBatchNorm)
    assert list(synchronised.state_dict()) == names
    torch.testing.assert_close(synchronised(x), plain(x))
    torch.testing.assert_close(synchronised[0].running_var, plain.running_var)


def test_on_gpus_torchs_own_norm_is_taken() -> None:
    """It cannot run here: only that every norm is exchanged, and that checkpoints still fit."""
    network = two_processes.Small()
    before = {name: value.shape for name, value in network.state_dict().items()}

    converted = distributed.with_synchronised_norm(network, torch.device("cuda"))

    norms = [m for m in converted.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    assert norms and all(isinstance(m, nn.SyncBatchNorm) for m in norms)
    assert {name: value.shape for name, value in converted.state_dict().items()} == before


@pytest.mark.parametrize(("crops", "rate"), [(32, 5e-4), (256, 4e-3), (16, 2.5e-4)])
def test_the_rate_grows_with_the_batch(crops: int, rate: float) -> None:
    assert linearly_scaled(5e-4, crops, 32) == pytest.approx(rate)


@pytest.mark.parametrize(
    ("step", "factor"), [(0, 0.2125), (4, 0.5625), (9, 1.0), (99, 1.0), (100, 0.5)]
)
def test_a_multiplied_rate_starts_at_the_plain_one(step: int, factor: float) -> None:
    """Eight times the batch: from an eighth of the highest rate, in ten steps."""
    schedule = halved_every(100, warmup_steps=10, start=1 / 8)

    assert schedule(step) == pytest.approx(factor)


def test_recipes_for_one_process_refuse_torchrun(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")

    with pytest.raises(UsageError, match="without torchrun"):
        run(Config(recipe="pose-base", run_dir=tmp_path))
    with pytest.raises(UsageError, match="not for torchrun"):
        with distributed.group(torch.device("cpu")):
            pass
