"""A bundle: a generator that runs without this repository."""

from __future__ import annotations

import json
import logging
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from geogan import facies
from geogan.files import replacing_folder
from geogan.generators import Generator
from geogan.inference import Bundle, load_bundle
from geogan.latents import LATENTS
from geogan.manifests import write_manifest

OPSET = 20
TOLERANCE = 1e-4


class OnnxMismatch(RuntimeError):
    """The exported graph does not compute what torch computes."""


class _Image(nn.Module):
    """The generator with its activation, so that the graph's output is the image itself."""

    def __init__(self, generator: Generator):
        super().__init__()
        self.generator = generator

    def forward(
        self, noise: Float[Tensor, "batch noise y8 x8"], condition: Float[Tensor, "batch shown y x"]
    ) -> Float[Tensor, "batch image y x"]:
        return facies.activate(self.generator(noise, condition))


def inputs_of(bundle: Bundle, batch: int, rows: int, columns: int) -> tuple[Tensor, Tensor]:
    """Noise and a condition with a twentieth of the cells known, for a field of rows x columns."""
    sampler = bundle.sampler
    rng = torch.Generator().manual_seed(rows * columns)
    shape = (batch, *sampler.generator.noise_shape(rows, columns))
    mask = torch.rand((batch, rows, columns), generator=rng) < 0.05
    codes = torch.randint(sampler.count, mask.shape, generator=rng).to(torch.uint8)
    return sampler.latent.build(LATENTS, shape, rng), facies.condition(mask, codes, sampler.count)


def write_bundle(model: Path, out: Path, metrics: dict[str, Any]) -> None:
    """Make the bundle ``out`` from a model folder: weights, system.json, one model.onnx, card.md, manifest.

    Raises OnnxMismatch, and writes nothing, if ONNX and torch differ by more than 1e-4 at one of two sizes.
    """
    bundle = load_bundle(model, "cpu")
    with replacing_folder(out) as folder:
        for name in ("weights.safetensors", "system.json"):
            shutil.copyfile(model / name, folder / name)
        write_onnx(bundle, folder / "model.onnx")
        (folder / "card.md").write_text(card(bundle, metrics), encoding="utf-8")
        write_manifest(folder, "bundle")


def write_onnx(bundle: Bundle, file: Path) -> float:
    """Export with dynamic batch, rows and columns, compare with torch at two sizes; the largest difference.

    Inputs ``noise (batch, noise, y / stride, x / stride)`` and ``condition (batch, 1 + channel, y, x)`` (mask,
    then mask * value), output ``image (batch, channel, y, x)``; y and x are multiples of the stride.
    """
    import onnxruntime

    stride = bundle.sampler.generator.stride
    image = _Image(bundle.sampler.generator).eval()
    batch = torch.export.Dim("batch")
    rows, columns = torch.export.Dim("rows_of_noise"), torch.export.Dim("columns_of_noise")
    shapes = ({0: batch, 2: rows, 3: columns}, {0: batch, 2: stride * rows, 3: stride * columns})
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it tells of torchvision, which is not needed
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            image,
            inputs_of(bundle, 2, 8 * stride, 10 * stride),
            dynamo=True,
            opset_version=OPSET,
            input_names=["noise", "condition"],
            output_names=["image"],
            dynamic_shapes=shapes,
            verbose=False,
        )
    assert program is not None
    program.save(str(file), external_data=False)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    worst = 0.0
    for size in ((1, 6 * stride, 9 * stride), (3, 12 * stride, 8 * stride)):
        noise, condition = inputs_of(bundle, *size)
        with torch.no_grad():
            wanted = image(noise, condition).numpy()
        (got,) = session.run(None, {"noise": noise.numpy(), "condition": condition.numpy()})
        worst = max(worst, float(np.abs(got - wanted).max()))
    if worst > TOLERANCE:
        raise OnnxMismatch(f"{file.name}: differs from torch by {worst:.2e}, more than {TOLERANCE:g}")
    return worst


def card(bundle: Bundle, metrics: dict[str, Any]) -> str:
    """What a reader must know before using the bundle, as Markdown."""
    system = bundle.system
    grid = system["grid"]
    cell = f"{grid['cell_size'][1]:g} x {grid['cell_size'][0]:g} map units" if grid["crs"] else "not georeferenced"
    shares = ", ".join(f"{name} {share:.3f}" for name, share in bundle.proportions.items())
    parameters = sum(weight.numel() for weight in bundle.sampler.generator.parameters())
    rows = "\n".join(f"| {name} | {value} |" for name, value in sorted(metrics.items()))
    return f"""# {system["experiment"]}

Conditional facies fields: noise and hard data in, facies codes out.

- Facies (code: name): {", ".join(f"{code}: {name}" for code, name in enumerate(bundle.names))}
- Training image: sha256 `{system["source_sha256"]}`, cell size {cell}, proportions {shares}
- Trained on tiles of {system["tile"]} x {system["tile"]} pixels, weights after step {system["step"]},
  chosen on validation ground; generator `{system["config"]["generator"]["name"]}`, {parameters:,} parameters
- Work key `{system["key"]}`

## Use

`geogan simulate {system["experiment"]} --wells wells.csv --size 125 125 -n 100 -o fields.npz`, or `model.onnx`
with any ONNX runtime: inputs `noise` and `condition`, rows and columns multiples of {bundle.sampler.generator.stride}.

## Limits

- Hard data are honoured as far as `constraint_accuracy` below says; every simulation reports its own share.
- Fields are as large as the grid asked for, in cells of the training image's size; patterns wider than a
  training tile were never seen.
- Densities of hard data far from the trained one ({json.dumps(system["constraints"])}) were not judged.

## Figures on held-out ground

| metric | value |
|---|---|
{rows or "| (not evaluated) | |"}
"""
