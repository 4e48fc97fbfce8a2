"""The loop: bit-identical resume, checkpoints, divergence, selection."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from typing import IO

import pytest
import torch
from lightning_fabric import Fabric
from torch.nn import functional as F

from geogan import checkpoint
from geogan.batches import FaciesBatch
from geogan.errors import InputError
from geogan.optimisers import SCHEDULES
from geogan.selection import best, front
from geogan.system import System
from geogan.systems.constrained_sgan import ConstrainedSGAN
from geogan.train import Diverged, Loop, Plan
from tests.test_system import slots, source

PLAN = Plan(
    steps=7,
    checkpoint_every=3,
    log_every=2,
    picture_every=100,
    ema=0.9,
    clip=1.0,
    seed=0,
    select_by=("constraint_accuracy", "mph_js_0"),
)


class Watcher:
    """Judges by the step alone; stops, or dies as by SIGKILL, after a given number of records."""

    def __init__(self, stop_after: int | None = None):
        self.records: list[dict[str, float]] = []
        self.stop_after = stop_after

    def logged(self, record: dict[str, float]) -> None:
        self.records.append(record)

    def validate(self, system: System) -> dict[str, float]:
        return {"constraint_accuracy": 1.0, "mph_js_0": 1.0 / (1 + len(self.records))}

    def picture(self, step: int, system: System) -> None: ...

    def stop(self) -> bool:
        return self.stop_after is not None and len(self.records) >= self.stop_after


def loop(folder: Path, plan: Plan = PLAN) -> Loop:
    torch.set_num_threads(1)  # of this process and of its children: their number changes the last bits
    torch.manual_seed(0)
    system = ConstrainedSGAN(slots(diversity={"name": "hinge"}), 2)
    return Loop(
        system,
        lambda turn, weights: torch.optim.Adam(weights, lr=1e-3),
        SCHEDULES["linear"](plan.steps, start=0.5),
        source(),
        plan,
        folder,
        Fabric(accelerator="cpu", devices=1),
    )


def weights_of(trained: Loop) -> dict[str, torch.Tensor]:
    return trained.system.state_dict() | {f"mean.{k}": v for k, v in trained.averaged.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Loop:
    whole = loop(tmp_path_factory.mktemp("whole"))
    assert whole.run(Watcher())
    return whole


@pytest.mark.parametrize("records", [1, 2, 4])
def test_a_stopped_run_goes_on_to_the_same_weights_and_history(
    uninterrupted: Loop, tmp_path: Path, records: int
) -> None:
    assert not loop(tmp_path).run(Watcher(stop_after=records))
    resumed = loop(tmp_path)
    assert resumed.run(Watcher())
    assert same(weights_of(resumed), weights_of(uninterrupted))
    history = (tmp_path / "history.jsonl").read_text()
    steps = [json.loads(line)["step"] for line in history.splitlines()]
    assert steps == sorted(steps)
    ours, theirs = (
        [line for line in text.splitlines() if "validation" not in line]
        for text in (history, (uninterrupted.folder / "history.jsonl").read_text())
    )
    assert ours == theirs


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.test_train import Watcher, loop
trained = loop(Path(sys.argv[1]))
step = trained._step
def dying():
    if trained.progress.step == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    step()
trained._step = dying
trained.run(Watcher())
"""


@pytest.mark.slow
@pytest.mark.parametrize("step", [2, 4])
def test_a_killed_run_goes_on_to_the_same_weights(uninterrupted: Loop, tmp_path: Path, step: int) -> None:
    """SIGKILL before the first checkpoint and between two of them."""
    root = Path(__file__).parents[1]
    died = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), str(step)], cwd=root, check=False)
    assert died.returncode == -signal.SIGKILL
    resumed = loop(tmp_path)
    assert resumed.run(Watcher())
    assert same(weights_of(resumed), weights_of(uninterrupted))


def test_two_seeds_differ(uninterrupted: Loop, tmp_path: Path) -> None:
    other = loop(tmp_path, Plan(**{**vars(PLAN), "seed": 1}))
    other.run(Watcher())
    assert not same(weights_of(other), weights_of(uninterrupted))


def test_the_last_two_checkpoints_are_kept_and_none_holds_code(uninterrupted: Loop) -> None:
    files = sorted(uninterrupted.folder.glob("step-*.pt"))
    assert [file.name for file in files] == ["step-00000006.pt", "step-00000007.pt"]
    for file in files:
        torch.load(file, weights_only=True)


def test_a_broken_checkpoint_is_skipped_for_the_one_before(uninterrupted: Loop, tmp_path: Path) -> None:
    assert not loop(tmp_path).run(Watcher(stop_after=4))
    newest = sorted(tmp_path.glob("step-*.pt"))[-1]
    newest.write_bytes(newest.read_bytes()[:1000])
    with pytest.warns(UserWarning, match="skipped"):
        resumed = loop(tmp_path)
        assert resumed.run(Watcher())
    assert same(weights_of(resumed), weights_of(uninterrupted))


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('code ran')",))


def test_a_checkpoint_with_code_in_it_is_refused(tmp_path: Path) -> None:
    torch.save({"step": 3, "payload": Evil()}, checkpoint.path_of(tmp_path, 3))
    with warnings.catch_warnings(), pytest.raises(InputError, match="none of its 1 checkpoints"):
        warnings.simplefilter("ignore")
        checkpoint.load_latest(tmp_path)


def test_a_full_disk_leaves_the_old_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint.save(tmp_path, 1, {"step": 1})

    def full(state: object, stream: IO[bytes]) -> None:
        stream.write(b"half")
        raise OSError(28, "No space left on device", stream.name)

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space"):
        checkpoint.save(tmp_path, 2, {"step": 2})
    assert [file.name for file in tmp_path.iterdir()] == ["step-00000001.pt"]
    state = checkpoint.load_latest(tmp_path)
    assert state == {"step": 1}


def test_divergence_stops_and_keeps_the_last_good_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained = loop(tmp_path)
    losses = ConstrainedSGAN.losses

    def broken(system: ConstrainedSGAN, turn: str, batch: FaciesBatch) -> dict[str, torch.Tensor]:
        factor = float("nan") if trained.progress.step >= 4 else 1.0
        return {name: term * factor for name, term in losses(system, turn, batch).items()}

    monkeypatch.setattr(ConstrainedSGAN, "losses", broken)
    with pytest.raises(Diverged, match=r"step 6 critic/adversarial is nan"):
        trained.run(Watcher())
    assert [file.name for file in tmp_path.glob("step-*.pt")] == ["step-00000003.pt"]
    state = checkpoint.load_latest(tmp_path)
    assert state is not None
    assert all(torch.isfinite(value).all() for value in state["system"].values())


def test_the_average_follows_the_generator_alone(uninterrupted: Loop) -> None:
    live, mean = uninterrupted.system.generator, uninterrupted.averaged.generator
    assert isinstance(live, torch.nn.Module)
    assert isinstance(mean, torch.nn.Module)
    change = F.mse_loss(live.head.weight, mean.head.weight)
    assert 0 < change < 1
    assert not mean.training


def test_losses_are_computed_in_the_precision_that_is_asked_for(tmp_path: Path) -> None:
    for precision, wanted in (("32-true", torch.float32), ("bf16-mixed", torch.bfloat16)):
        trained = loop(tmp_path / precision)
        trained.fabric = Fabric(accelerator="cpu", devices=1, precision=precision)
        seen = []
        trained.system.critic.register_forward_hook(lambda *call, seen=seen: seen.append(call[-1].dtype))
        trained._step()
        assert set(seen) == {wanted}
        assert all(torch.isfinite(weight).all() for weight in trained.system.parameters())
        assert {weight.dtype for weight in trained.system.parameters()} == {torch.float32}


def test_linear_schedule_ends_at_zero() -> None:
    factor = SCHEDULES["linear"](10, start=0.5)
    assert [factor(step) for step in (0, 5, 6, 10)] == [1.0, 1.0, 0.8, 0.0]


def test_best_is_the_least_sum_of_ranks_and_stays_on_the_front() -> None:
    names = ("constraint_accuracy", "mph_js_0")
    scores = [
        {"step": 1.0, "constraint_accuracy": 0.90, "mph_js_0": 0.01},
        {"step": 2.0, "constraint_accuracy": 0.99, "mph_js_0": 0.02},
        {"step": 3.0, "constraint_accuracy": 0.95, "mph_js_0": 0.30},
        {"step": 4.0, "constraint_accuracy": 1.00, "mph_js_0": float("nan")},
        {"step": 5.0, "constraint_accuracy": 0.99, "mph_js_0": 0.02},
    ]
    assert best(scores, names) == 4  # equal to index 1 and later
    kept = front(scores, names)
    assert kept == [0, 3, 4]
    for count in range(1, len(scores) + 1):
        assert best(scores[:count], names) in front(scores[:count], names)
