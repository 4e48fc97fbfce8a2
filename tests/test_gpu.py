"""The same software on a GPU: exact resume, the fields of the CPU, half precision. Skipped where there is none."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from geogan.config import Compute
from geogan.inference import FieldSampler
from geogan.optimisers import SCHEDULES
from geogan.pipeline.train import computing
from geogan.refinement import refining
from geogan.systems.constrained_sgan import ConstrainedSGAN
from geogan.train import Loop
from tests.test_system import slots, source
from tests.test_train import PLAN, Watcher, same, weights_of

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch can use")
GPU = torch.device("cuda")
RELATIVISTIC = {
    "objective": {"name": "relativistic"},
    "critic_penalty": {"name": "r1", "weight": 10.0, "on_fake": True},
    "diversity": {"name": "energy_score"},
}


def loop(folder: Path, precision: str = "32") -> Loop:
    fabric = computing(Compute(device="cuda", precision=precision, threads=1), GPU)  # type: ignore[arg-type]
    torch.manual_seed(0)
    batches = source()
    batches.device = GPU
    return Loop(
        ConstrainedSGAN(slots(**RELATIVISTIC), 2),
        lambda turn, weights: torch.optim.Adam(weights, lr=1e-3),
        SCHEDULES["linear"](PLAN.steps, start=0.5),
        batches,
        PLAN,
        folder,
        fabric,
    )


def test_a_stopped_run_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    whole = loop(tmp_path / "whole")
    assert whole.run(Watcher())
    assert not loop(tmp_path / "parts").run(Watcher(stop_after=2))
    resumed = loop(tmp_path / "parts")
    assert resumed.run(Watcher())
    assert same(weights_of(resumed), weights_of(whole))


def test_half_precision_trains_to_finite_losses(tmp_path: Path) -> None:
    assert loop(tmp_path, "bf16").run(Watcher())
    records = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert np.isfinite([value for record in records for value in record.values()]).all()


@pytest.fixture(scope="module")
def samplers() -> tuple[FieldSampler, FieldSampler]:
    """A generator that has seen nothing, on the CPU and on the GPU."""
    torch.manual_seed(0)
    chosen = slots(generator={"name": "unet_residual", "filters": [8, 16, 32], "dilations": [1, 2]})
    generator = ConstrainedSGAN(chosen, 2).generator.eval().requires_grad_(False)
    here = FieldSampler(generator, chosen.latent, 2, torch.device("cpu"))
    moved = ConstrainedSGAN(chosen, 2).generator.eval().requires_grad_(False)
    moved.load_state_dict(generator.state_dict())
    return here, dataclasses.replace(here, generator=moved.to(GPU), device=GPU)


@pytest.fixture(scope="module")
def wells() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    mask = rng.random((48, 40)) < 0.05
    return mask, np.where(mask, rng.integers(2, size=mask.shape), 255).astype(np.uint8)


def test_the_gpu_draws_the_fields_of_the_cpu(
    samplers: tuple[FieldSampler, FieldSampler], wells: tuple[np.ndarray, np.ndarray]
) -> None:
    """Noise is drawn on the CPU, so raw outputs differ by rounding alone (that of TF32 in convolutions)."""
    here, there = (sampler.levels(*wells, realization=3, seed=0) for sampler in samplers)
    assert np.abs(here - there).max() < 5e-3 * np.abs(here).max()
    fields = [sampler.sample(*wells, 20, seed=0) for sampler in samplers]
    assert (fields[0] != fields[1]).mean() < 0.01


def test_a_field_of_the_gpu_depends_on_neither_count_nor_place_in_the_batch(
    samplers: tuple[FieldSampler, FieldSampler], wells: tuple[np.ndarray, np.ndarray]
) -> None:
    _, there = samplers
    np.testing.assert_array_equal(there.sample(*wells, 20, seed=0)[:3], there.sample(*wells, 3, seed=0))


def test_windows_on_the_gpu_change_a_field_by_rounding_alone(
    samplers: tuple[FieldSampler, FieldSampler],
) -> None:
    _, there = samplers
    rng = np.random.default_rng(1)
    mask = rng.random((256, 256)) < 0.005
    codes = np.where(mask, rng.integers(2, size=mask.shape), 255).astype(np.uint8)
    whole = there.levels(mask, codes, realization=0, seed=0, window=512)
    parts = there.levels(mask, codes, realization=0, seed=0, window=128)
    assert np.abs(whole - parts).max() < 5e-3 * np.abs(whole).max()


def test_the_descent_on_the_gpu_honours_more_wells(
    samplers: tuple[FieldSampler, FieldSampler], wells: tuple[np.ndarray, np.ndarray]
) -> None:
    mask, codes = (np.stack([part] * 4) for part in wells)

    def honoured(fields: np.ndarray) -> float:
        return float((fields == codes)[mask].mean())

    before = honoured(samplers[1](mask, codes, 0))
    here, there = (honoured(refining(sampler, 100)(mask, codes, 0)) for sampler in samplers)
    assert there > before
    assert there == pytest.approx(here, abs=0.03)
