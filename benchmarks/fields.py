"""Seconds per field of a trained generator, at batches of 1 and 64 fields and several sizes.

`python benchmarks/fields.py BUNDLE [--edges 160 1024] [--batches 1 64]`: passes through the network alone, with hard
data in 0.5 % of the cells, in turns of the batches. A batch whose features do not fit into ``--memory`` GiB goes
through in parts; ``parts`` says how many.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

from geogan import facies
from geogan.inference import FEATURES_HELD, FieldSampler, load_bundle
from geogan.latents import LATENTS

DENSITY = 0.005


def seconds(sampler: FieldSampler, edge: int, batch: int, size: int) -> float:
    """Seconds per field of ``batch`` fields, ``size`` of them at once."""
    rng = torch.Generator().manual_seed(0)
    mask = torch.rand(1, edge, edge, generator=rng) < DENSITY
    codes = torch.randint(max(2, sampler.count), mask.shape, generator=rng).to(torch.uint8)
    shown = facies.condition(mask, codes, sampler.count).to(sampler.device)
    start = time.perf_counter()
    with torch.inference_mode():
        for first in range(0, batch, size):
            count = min(size, batch - first)
            z = sampler.latent.build(LATENTS, (count, *sampler.generator.noise_shape(edge, edge)), rng)
            image = sampler.generator(z.to(sampler.device), shown.expand(count, -1, -1, -1))
            facies.decode(facies.activate(image), sampler.count).cpu()
    return (time.perf_counter() - start) / batch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--edges", type=int, nargs="+", default=[160, 1024])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 64])
    parser.add_argument("--memory", type=float, default=8.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    bundle = load_bundle(args.bundle, args.device)
    if bundle.soft:
        parser.error(f"{args.bundle}: was trained with soft data, which this does not draw with")
    sampler = bundle.sampler
    found = {"device": args.device, "threads": args.threads, "rounds": args.rounds, "edges": {}}
    for edge in args.edges:
        held = FEATURES_HELD * sampler.receptive_field.bytes_per_cell * edge**2
        sizes = {batch: max(1, min(batch, int(args.memory * 2**30 / held))) for batch in args.batches}
        seconds(sampler, edge, 1, 1)  # warm up
        rounds = [
            {batch: seconds(sampler, edge, batch, size) for batch, size in sizes.items()} for _ in range(args.rounds)
        ]
        found["edges"][edge] = {
            batch: {
                "seconds_per_field": round(float(np.median([one[batch] for one in rounds])), 4),
                "parts": -(-batch // size),
            }
            for batch, size in sizes.items()
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
