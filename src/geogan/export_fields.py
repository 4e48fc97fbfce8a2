"""The bundle of a generator of facies fields."""

from __future__ import annotations

import json
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from geogan import facies
from geogan.export import Exported, Graph, figures
from geogan.generators import Generator
from geogan.inference import Bundle
from geogan.latents import LATENTS
from geogan.soft_data import smooth


class _Image(nn.Module):
    """The generator with its activation, so that the graph's output is the image itself."""

    def __init__(self, generator: Generator):
        super().__init__()
        self.generator = generator

    def forward(
        self, noise: Float[Tensor, "batch noise y8 x8"], condition: Float[Tensor, "batch shown y x"]
    ) -> Float[Tensor, "batch image y x"]:
        return facies.activate(self.generator(noise, condition))


def exported(bundle: Bundle, metrics: dict[str, Any]) -> Exported:
    """Graph and card of a bundle.

    Inputs ``noise (batch, noise, zy, zx)``, zy and zx as the generator's ``noise_shape`` tells, and ``condition (batch,
    1 + channel, y, x)`` (mask, then mask * value; then as many channels of soft data, if it was trained with some),
    output ``image (batch, channel, y, x)``; y and x are multiples of the stride.
    """
    sampler = bundle.sampler
    stride = sampler.generator.stride

    def example(batch: int, rows: int, columns: int) -> tuple[Tensor, Tensor]:
        """Noise and a condition with a twentieth of the cells known."""
        rng = torch.Generator().manual_seed(rows * columns)
        rows, columns = stride * rows, stride * columns
        shape = (batch, *sampler.generator.noise_shape(rows, columns))
        mask = torch.rand((batch, rows, columns), generator=rng) < 0.05
        codes: Tensor = torch.randint(max(2, sampler.count), mask.shape, generator=rng).to(torch.uint8)
        if sampler.count == facies.CONTINUOUS:
            codes = codes.float()
        told = facies.condition(mask, codes, sampler.count)
        if bundle.soft:
            told = torch.cat([told, smooth(facies.encode(codes, sampler.count), bundle.soft)], dim=1)
        return sampler.latent.build(LATENTS, shape, rng), told

    one, two = (sampler.generator.noise_shape(side, side)[1] for side in (stride, 2 * stride))
    strides, further = (two - one, stride), (2 * one - two, 0)
    graph = Graph(_Image(sampler.generator), ("noise", "condition"), "image", example, strides, further)
    return Exported({"model.onnx": graph}, card(bundle, metrics))


def card(bundle: Bundle, metrics: dict[str, Any]) -> str:
    """What a reader must know before using the bundle, as Markdown."""
    system = bundle.system
    size = bundle.cell_size
    cell = f"{size[1]:g} x {size[0]:g} map units" if size else "unknown, so grids of any cell size are taken"
    shares = ", ".join(f"{name} {share:.3f}" for name, share in bundle.proportions.items())
    parameters = sum(weight.numel() for weight in bundle.sampler.generator.parameters())
    if bundle.names:
        made = "facies fields: noise and hard data in, facies codes out"
        what = f"Facies (code: name): {', '.join(f'{code}: {name}' for code, name in enumerate(bundle.names))}"
        share = f", proportions {shares}"
    else:
        low, high = system["value_range"]
        made = "fields of a continuous property: noise and hard data in, values out"
        what, share = f"Values: from {low:g} to {high:g}, scaled to [-1, 1]", ""
    stride, margin = bundle.sampler.generator.stride, bundle.sampler.generator.margin
    covered = f"; `noise` covers {margin} cells more on every side" if margin else ""
    run = f"`geogan simulate {system['experiment']} --wells wells.csv --size 125 125 -n 100 -o fields.npz`"
    if bundle.soft:
        run = f"{run[:-1]} --soft soft.tif`"
    simulated = bool(bundle.names) or not bundle.soft  # simulate takes soft data of facies alone
    use = f"{run}, or `model.onnx`\nwith" if simulated else "`model.onnx` with"
    return f"""# {system["experiment"]}

Conditional {made}.

- {what}
- Training image: sha256 `{system["source_sha256"]}`, cell size {cell}{share}
- Trained on tiles of {system["tile"]} x {system["tile"]} pixels, weights after step {system["step"]},
  chosen on validation ground; generator `{system["config"]["generator"]["name"]}`, {parameters:,} parameters
- Work key `{system["key"]}`

## Use

{use} any ONNX runtime: inputs `noise` and `condition`, rows and columns multiples of {stride}{covered}.

## Limits

- Hard data are honoured as far as `constraint_accuracy` below says; every simulation reports its own share.
- Fields are as large as the grid asked for, in cells of the training image's size; patterns wider than a
  training tile were never seen.
- Densities of hard data far from the trained one ({json.dumps(system["constraints"])}) were not judged.

## Figures on held-out ground

| metric | value |
|---|---|
{figures(metrics)}
"""
