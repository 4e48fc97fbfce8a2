"""``geogan simulate`` of one large field on one thread: peak memory and seconds by size, and windows beside one piece.

Every size runs in a process of its own, with an untrained generator, by default that of the default experiment.
``base`` is the peak of the same command on a field of 64 x 64. Windows and one piece of the
smallest size are timed in turns in one process; the difference is that of the images before the threshold, in [-1, 1].
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from geogan.bundles import SCHEMA
from geogan.facies import activate
from geogan.files import sha256_of
from geogan.generators import FIELD_GENERATORS
from geogan.inference import FieldSampler, load_bundle

OPTIONS = {"filters": [16, 32, 64, 128], "dilations": [1, 2, 4]}  # of the default experiment
COMMAND = """
import json, sys, time
from pathlib import Path
import torch
torch.set_num_threads(1)
from geogan.pipeline.simulate import simulate
bundle, out, wells, edge, count = sys.argv[1:]
start = time.perf_counter()
simulate(Path(bundle), Path(out), wells=Path(wells), size=(int(edge), int(edge)), count=int(count), quiet=True)
seconds = round(time.perf_counter() - start, 1)
status = Path("/proc/self/status").read_text()  # getrusage would tell the peak of the parent, if that is larger
peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
print(json.dumps({"seconds": seconds, "peak_mib": round(int(peak) / 2**10)}))
"""


def make_bundle(folder: Path, name: str, options: dict[str, Any], channels: int = 16) -> None:
    """The bundle of an untrained generator, its features of the size that trained ones have."""
    folder.mkdir()
    torch.manual_seed(0)
    network = FIELD_GENERATORS[name](2, 1, channels, **options)
    tile = 16 * network.stride
    with torch.no_grad():
        for _ in range(20):
            network(torch.rand(4, *network.noise_shape(tile, tile)) * 2 - 1, torch.randn(4, 2, tile, tile))
        network.head.weight *= 30
    weights = {f"generator.{key}": tensor.contiguous() for key, tensor in network.state_dict().items()}
    save_file(weights, folder / "weights.safetensors")
    system = {
        "schema": SCHEMA,
        "task": "simulation",
        "config": {
            "system": {"soft": 0.0},
            "generator": {"name": name, **options},
            "latent": {"name": "uniform", "channels": channels},
        },
        "facies": ["background", "channel"],
        "grid": {"crs": None, "transform": [1, 0, 0, 0, -1, 1], "cell_size": [1, 1]},
        "proportions": {"background": 0.7, "channel": 0.3},
        "weights_sha256": sha256_of(folder / "weights.safetensors"),
    }
    (folder / "system.json").write_text(json.dumps(system), encoding="utf-8")


def make_wells(path: Path, edge: int) -> None:
    """One cell in 2000, at random places of a square."""
    rng = np.random.default_rng(0)
    cells = rng.choice(edge * edge, edge * edge // 2000, replace=False)
    rows = [f"{cell // edge},{cell % edge},{rng.integers(2)}" for cell in cells]
    path.write_text("\n".join(["row,column,facies", *rows]) + "\n", encoding="utf-8")


def image(sampler: FieldSampler, edge: int, window: int) -> np.ndarray:
    """The image of one field before the threshold."""
    mask = np.random.default_rng(0).random((1, edge, edge)) < 1 / 2000
    codes = np.ones(mask.shape, np.uint8)
    found = np.empty(mask.shape[1:], np.float32)
    _, plan = sampler._plan(edge, edge, window)
    for one, raw in sampler._raw(mask, codes, [0], 0, plan):
        found[one.rows.given, one.columns.given] = activate(raw)[0, 0].numpy()
    return found


def beside_one_piece(bundle: Path, edge: int, rounds: int) -> dict[str, Any]:
    """Windows of the size that 4 times the field would have, beside one window over all."""
    sampler = load_bundle(bundle, "cpu").sampler
    stride = sampler.generator.stride
    _, plan = sampler._plan(4 * edge, 4 * edge, None)
    windows = {"whole": -(-edge // stride) * stride, "half": edge // 2, "usual": plan[0].rows.end}
    images, times = {}, {name: [] for name in windows}
    for _ in range(rounds):
        for name, window in windows.items():
            start = time.process_time()
            images[name] = image(sampler, edge, window)
            times[name].append(time.process_time() - start)
    seconds = {name: float(np.median(some)) for name, some in times.items()}
    return {
        "edge": edge,
        "margin": sampler.receptive_field.margin,
        "bytes_per_cell": sampler.receptive_field.bytes_per_cell,
        "windows": windows,
        "seconds": {name: round(some, 2) for name, some in seconds.items()},
        "overhead_half": round(seconds["half"] / seconds["whole"], 3),
        "largest_value": float(np.abs(images["whole"]).max()),
        "std": float(images["whole"].std()),
        "difference": float(np.abs(images["half"] - images["whole"]).max()),
        "cells_of_another_facies": int(((images["half"] > 0) != (images["whole"] > 0)).sum()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--generator", default="unet_residual", choices=list(FIELD_GENERATORS))
    parser.add_argument("--options", type=json.loads, default=OPTIONS, help="of the generator, as JSON")
    parser.add_argument("--edges", type=int, nargs="+", default=[1024, 2048, 4096])
    parser.add_argument("-n", type=int, default=1)
    parser.add_argument("--suffix", default=".zarr")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_bundle(folder / "bundle", args.generator, args.options)
        sizes = {}
        for edge in [64, *args.edges]:
            make_wells(folder / "wells.csv", edge)
            files = (folder / "bundle", folder / f"out{args.suffix}", folder / "wells.csv")
            command = [sys.executable, "-c", COMMAND, *map(str, files), str(edge), str(args.n)]
            sizes[edge] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        found = {
            "generator": args.generator,
            "options": args.options,
            "n": args.n,
            "suffix": args.suffix,
            "base": sizes.pop(64),
            "sizes": sizes,
        }
        print(json.dumps(found | {"one_piece": beside_one_piece(folder / "bundle", args.edges[0], args.rounds)}))


if __name__ == "__main__":
    main()
