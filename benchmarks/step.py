"""A step of the training loop against a plain eager loop over the same networks, losses and batches.

`python benchmarks/step.py [EXPERIMENT]`: an experiment of params.yaml, channels_sgan by default; its data are noise.

The plain loop has no schedule, averaging, freezing, logging or checkpoints: what is left is the price of those.
"""

from __future__ import annotations

import copy
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric

from geogan.batches import FaciesBatches
from geogan.config import Experiment, Tiling, read
from geogan.domains import Domain
from geogan.optimisers import OPTIMISERS
from geogan.picture_batches import PairBatches, Pictures
from geogan.scenes import Palette, Tiles
from geogan.system import System
from geogan.systems import SYSTEMS
from geogan.train import Loop, Plan
from geogan.unpaired_batches import UnpairedBatches

ROUNDS, STEPS = 5, 4
SCENE = Domain("uint8", (1, 2, 3), (0.0,) * 3, (255.0,) * 3, None, None, (1.0, 1.0))
COLOURS = ((238, 222, 180), (126, 190, 100), (86, 156, 220), (255, 255, 255), (170, 92, 76))
MAP = Domain("uint8", (1,), (), (), Palette(tuple("abcde"), COLOURS, tuple(range(5))), None, (1.0, 1.0))


def fields(tile: int, batch: int, device: torch.device) -> FaciesBatches:
    rng = np.random.default_rng(0)
    real = rng.integers(2, size=(256, tile, tile)).astype(np.uint8)
    mask = rng.random((64, 4, tile, tile)) < 0.005
    truth = rng.integers(2, size=(64, tile, tile)).astype(np.uint8)
    codes = np.where(mask, truth[:, None], 255).astype(np.uint8)
    return FaciesBatches(real, mask, codes, truth, batch=batch, seed=0, device=device)


def pictures(edges: tuple[int, int], *, classes: bool) -> tuple[Pictures, Pictures]:
    """Noise: 256 tiles of scenes and of maps."""
    rng = np.random.default_rng(0)
    (a, b), count = edges, len(MAP.palette or ())
    scenes = Tiles(rng.integers(256, size=(256, 3, a, a)).astype(np.uint8), np.ones((256, a, a), dtype=bool))
    maps = Tiles(rng.integers(count, size=(256, 1, b, b)).astype(np.uint8), np.ones((256, b, b), dtype=bool))
    return Pictures(SCENE, scenes), Pictures(MAP, maps, classes)


def work(experiment: Experiment, tiling: Tiling, device: torch.device) -> tuple[System, Any]:
    """The system of an experiment, and batches for it."""
    kind, batch = SYSTEMS[experiment.system.name], experiment.training.batch
    edges = tiling.of("a").tile, tiling.of("b").tile
    if kind.task == "simulation":
        return experiment.system.build(SYSTEMS, experiment.slots, 2), fields(edges[0], batch, device)
    a, b = pictures(edges, classes=experiment.system.options.get("target") == "classes")
    system: System = experiment.system.build(SYSTEMS, experiment.slots, SCENE, MAP, edges)
    if not kind.paired:
        return system, UnpairedBatches(a, b, batch=batch, seed=0, device=device)
    if "b_to_a" in kind.directions(**experiment.system.options):
        a, b = b, a
    return system, PairBatches(a, b, batch=batch, seed=0, device=device)


def main() -> None:
    params = read([Path(__file__).parents[1] / "params.yaml"])
    experiment = params.experiments[sys.argv[1] if len(sys.argv) > 1 else "channels_sgan"]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(params.compute.threads)
    system, batches = work(experiment, params.datasets[experiment.dataset].tiling, device)
    plain = copy.deepcopy(system).to(device).to(memory_format=torch.channels_last)
    optimisers = {
        turn.name: experiment.optimisers[turn.name].build(
            OPTIMISERS, [w for name in turn.moves for w in plain.get_submodule(name).parameters()]
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
                "experiment": sys.argv[1] if len(sys.argv) > 1 else "channels_sgan",
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
