"""Translators and bundles of them, for tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from safetensors.torch import save_file
from torch import Tensor, nn

from geogan.bundles import SCHEMA
from geogan.domains import Domain
from geogan.files import sha256_of
from geogan.generators.translator import Translator
from geogan.generators.unet import UNet
from geogan.grids import Grid
from geogan.scenes import Palette, Tiles
from geogan.translation import PictureTranslator
from geogan.whole_scenes.engine import Rows
from geogan.whole_scenes.strips import Job
from geogan.whole_scenes.windows import plan_windows
from tests.layers import ArrayLayer

CLASSES = Palette(("land", "water", "road"), ((200, 180, 90), (0, 0, 255), (90, 90, 90)), (10, 20, 7))
CPU = torch.device("cpu")


def picture(dtype: str = "uint8", bands: int = 3, high: float = 255.0, **extra: Any) -> Domain:
    ground: dict[str, Any] = {"crs": None, "cell_size": (1.0, 1.0)} | extra
    return Domain(dtype, tuple(range(1, bands + 1)), (0.0,) * bands, (float(high),) * bands, None, **ground)


def classes(palette: Palette = CLASSES) -> Domain:
    return Domain("uint8", (1,), (), (), palette, None, (1.0, 1.0))


class Same(Translator):
    """atanh of the image, so that the translator gives the image itself; counts its windows."""

    def __init__(self, stride: int = 8):
        super().__init__()
        self.stride, self.windows = stride, 0

    def forward(self, image: Float[Tensor, "batch channel y x"]) -> Float[Tensor, "batch output y x"]:
        self.windows += len(image)
        return torch.atanh(image.clamp(-0.9999999, 0.9999999))


class Normalised(Translator):
    """Whose values depend on the size and content of the window: an instance norm with statistics of its own."""

    stride = 8

    def forward(self, image: Float[Tensor, "batch channel y x"]) -> Float[Tensor, "batch output y x"]:
        return nn.functional.instance_norm(image)


def unet(source: Domain, target: Domain, *, seed: int = 0, **generator: Any) -> UNet:
    """A small network, untrained but for the scale of its weights, which makes its output vary."""
    torch.manual_seed(seed)
    outputs = target.channels if target.palette is None else len(target.palette)
    network = UNet(source.channels, outputs, **({"depth": 3, "filters": 4} | generator))
    with torch.no_grad():
        for weights in network.parameters():
            weights.mul_(4)
    return network.eval().requires_grad_(False)


def translator(network: Translator, source: Domain, target: Domain) -> PictureTranslator:
    return PictureTranslator(network, source, target, target.palette is not None, CPU)


def make_bundle(folder: Path, source: Domain, target: Domain, *, both: bool = False, **generator: Any) -> Path:
    """The bundle of a ``unet`` from A to B, or of two of them that translate both ways, as images."""
    networks = {"generator": unet(source, target, **generator)}
    if both:
        networks = {"a_to_b": images(source, target, **generator), "b_to_a": images(target, source, **generator)}
    directions = {"a_to_b": "a_to_b", "b_to_a": "b_to_a"} if both else {"a_to_b": "generator"}
    told = {"name": "unet", "depth": 3, "filters": 4} | generator
    classes = target.palette is not None and not both
    return write_bundle(folder, source, target, networks, directions, generator=told, classes=classes)


def images(source: Domain, target: Domain, **generator: Any) -> UNet:
    """A ``unet`` that makes images, of maps of classes too."""
    return unet(source, replace(target, palette=None, bands=tuple(range(target.channels))), **generator)


def write_bundle(
    folder: Path,
    a: Domain,
    b: Domain,
    networks: Mapping[str, Translator],
    directions: Mapping[str, str],
    *,
    generator: Mapping[str, Any],
    classes: bool = False,
    tiles: tuple[int, int] = (64, 64),
) -> Path:
    """The bundle of these networks, by the names that ``directions`` gives them."""
    folder.mkdir()
    save_file(
        {f"{name}.{key}": value for name, network in networks.items() for key, value in network.state_dict().items()},
        folder / "weights.safetensors",
    )
    system = {
        "schema": SCHEMA,
        "task": "translation",
        "experiment": "test",
        "key": "0" * 64,
        "step": 3,
        "source_sha256": "f" * 64,
        "config": {"generator": dict(generator)},
        "a": a.plain(),
        "b": b.plain(),
        "directions": dict(directions),
        "tiles": {"a": tiles[0], "b": tiles[1]},
        "classes": classes,
        "weights_sha256": sha256_of(folder / "weights.safetensors"),
    }
    (folder / "system.json").write_text(json.dumps(system), encoding="utf-8")
    return folder


def noise(bands: int, rows: int, columns: int, seed: int = 0) -> np.ndarray:
    """Smooth noise, 0..255, uint8."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.random((1, bands, rows // 6 + 2, columns // 6 + 2), dtype=np.float32) * 255)
    fine = nn.functional.interpolate(coarse, size=(rows, columns), mode="bilinear")
    return fine[0].byte().numpy()


def layer(values: np.ndarray, valid: np.ndarray | None = None) -> ArrayLayer:
    rows, columns = values.shape[1:]
    known = np.ones((rows, columns), dtype=bool) if valid is None else valid
    return ArrayLayer("scene.tif", values, known, Grid.in_cells(rows, columns))


def job(model: PictureTranslator, scene: ArrayLayer, window: int | None = 64, **options: Any) -> Job:
    return Job(model, scene, plan_windows(scene.grid.rows, scene.grid.columns, model.stride, window), **options)


def whole(parts: list[Rows]) -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate([part.values for part in parts], axis=1), np.concatenate([part.valid for part in parts])


def shapes(number: int, edge: int, *, seed: int = 0, bands: int = 1) -> Tiles:
    """Bright bars (label 3) and crosses (label 8), somewhere in dark tiles of uint8."""
    rng = np.random.default_rng(seed)
    labels = np.where(np.arange(number) % 2, 8, 3).astype(np.int16)
    values = rng.integers(0, 40, (number, bands, edge, edge)).astype(np.uint8)
    third, thick = edge // 3, edge // 7
    for tile, label in zip(values, labels, strict=True):
        row, column = rng.integers(third, edge - third, 2)
        tile[:, row : row + thick, 1:-1] = 230
        if label == 8:
            tile[:, 1:-1, column : column + thick] = 230
    return Tiles(values, np.ones((number, edge, edge), bool), labels)
