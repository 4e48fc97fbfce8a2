"""A step of the training loop against a plain eager loop over the same networks, losses and batches.

The plain loop has no schedule, averaging, freezing, logging or checkpoints: what is left is the price of those.
"""

from __future__ import annotations

import copy
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric

from geogan.batches import FaciesBatches
from geogan.config import read
from geogan.optimisers import OPTIMISERS
from geogan.systems import SYSTEMS
from geogan.train import Loop, Plan

ROUNDS, STEPS = 5, 4


def source(tile: int, batch: int, device: torch.device) -> FaciesBatches:
    rng = np.random.default_rng(0)
    real = rng.integers(2, size=(256, tile, tile)).astype(np.uint8)
    mask = rng.random((64, 4, tile, tile)) < 0.005
    codes = np.where(mask, rng.integers(2, size=mask.shape), 255).astype(np.uint8)
    return FaciesBatches(real, mask, codes, batch=batch, seed=0, device=device)


def main() -> None:
    params = read([Path(__file__).parents[1] / "params.yaml"])
    experiment = params.experiments["channels_sgan"]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(params.compute.threads)
    batches = source(params.datasets["channels"].tiling.tile, experiment.training.batch, device)
    system = experiment.system.build(SYSTEMS, experiment.slots, 2)
    plain = copy.deepcopy(system).to(device).to(memory_format=torch.channels_last)
    optimisers = {
        turn.name: experiment.optimisers[turn.name].build(
            OPTIMISERS, [w for name in turn.moves for w in getattr(plain, name).parameters()]
        )
        for turn in plain.turns
    }
    rng = torch.Generator(device).manual_seed(0)

    def plain_step(step: int) -> None:
        for number, turn in enumerate(plain.turns):
            loss = sum(plain.losses(turn.name, batches.draw(step, number, 0, rng)).values())
            optimisers[turn.name].zero_grad(set_to_none=True)
            loss.backward()
            optimisers[turn.name].step()

    with tempfile.TemporaryDirectory() as folder:
        plan = Plan(10**9, 10**9, 20, 10**9, experiment.training.ema, 0.0, 0, ("mph_js_0",))
        loop = Loop(
            system,
            lambda turn, weights: experiment.optimisers[turn].build(OPTIMISERS, weights),
            lambda step: 1.0,
            batches,
            plan,
            Path(folder),
            Fabric(accelerator=device.type, devices=1),
        )
        times: dict[str, list[float]] = {"loop": [], "plain": []}
        plain_step(0), loop._step()
        for _ in range(ROUNDS):
            for name, step in (("loop", lambda i: loop._step()), ("plain", plain_step)):
                start = time.perf_counter()
                for i in range(STEPS):
                    step(i)
                if device.type == "cuda":
                    torch.cuda.synchronize()
                times[name].append((time.perf_counter() - start) / STEPS)
    seconds = {name: statistics.median(values) for name, values in times.items()}
    print(
        json.dumps(
            {
                "device": device.type,
                "threads": torch.get_num_threads(),
                "batch": experiment.training.batch,
                "steps_per_second": {name: round(1 / value, 3) for name, value in seconds.items()},
                "images_per_second": round(experiment.training.batch / seconds["loop"], 1),
                "loop_over_plain": round(seconds["loop"] / seconds["plain"], 3),
            }
        )
    )


if __name__ == "__main__":
    main()
