"""Features of images, by which sets of images are compared."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64
from torch import Tensor
from torch.nn import functional as F

from geogan.errors import InputError
from geogan.files import sha256_of

_SCALES = (1, 2, 4)
_FILTERS = (16, 24)  # of the two layers
_BATCH = 16


class Extractor:
    """Images in [-1, 1] to one row of features each; equal images are computed once.

    ``name`` says with which features; figures of different names cannot be compared.
    """

    def __init__(self, name: str, compute: Callable[[Float[Tensor, "tile channel y x"]], Float[Tensor, "tile _"]]):
        self.name = name
        self._compute = compute
        self._known: dict[bytes, Float64[np.ndarray, " feature"]] = {}

    def __call__(self, images: Float32[np.ndarray, "tile channel y x"]) -> Float64[np.ndarray, "tile feature"]:
        keys = [hashlib.blake2b(image.tobytes(), digest_size=16).digest() for image in images]
        new = {key: image for key, image in zip(keys, images, strict=True) if key not in self._known}
        for first in range(0, len(new), _BATCH):
            some = list(new)[first : first + _BATCH]
            rows = self._compute(torch.from_numpy(np.stack([new[key] for key in some]))).numpy()
            self._known |= dict(zip(some, rows.astype(np.float64), strict=True))
        return np.stack([self._known[key] for key in keys])


def extractor(path: str | None, channels: int) -> Extractor:
    """The features of an ONNX graph, or where ``path`` is None those of fixed random convolutions.

    Raises InputError where the file is no such graph or ``channels`` do not fit it.
    """
    return random_conv(channels) if path is None else onnx(Path(path), channels)


def random_conv(channels: int) -> Extractor:
    """240 features: mean and standard deviation of two layers of random filters at full, half, quarter size.

    The filters are Gaussian, scaled by their fan-in, with random thresholds, and always the same. They tell
    colours and fine textures, but know no objects: figures compare with others of these features alone.
    """
    rng = torch.Generator().manual_seed(0)
    layers = []
    for wide, narrow, side in ((channels, _FILTERS[0], 5), (_FILTERS[0], _FILTERS[1], 3)):
        weight = torch.randn(narrow, wide, side, side, generator=rng) * (2 / (wide * side**2)) ** 0.5
        layers.append((weight, torch.rand(narrow, generator=rng) - 0.5))

    @torch.no_grad()
    def compute(images: Float[Tensor, "tile channel y x"]) -> Float[Tensor, "tile feature"]:
        """Mean and standard deviation of every layer's responses at every scale; images in [-1, 1]."""
        pooled = []
        for scale in _SCALES:
            x = F.avg_pool2d(images, scale, ceil_mode=True) if scale > 1 else images
            for stride, (weight, bias) in enumerate(layers, start=1):
                reach = weight.shape[-1] // 2
                x = F.relu(F.conv2d(F.pad(x, (reach,) * 4, mode="replicate"), weight, bias, stride=stride))
                mean = x.mean(dim=(2, 3), keepdim=True)
                pooled += [mean.flatten(1), (x - mean).square().mean(dim=(2, 3)).sqrt()]
        return torch.cat(pooled, dim=1)

    return Extractor("random_conv", compute)


def onnx(path: Path, channels: int) -> Extractor:
    """The output of an ONNX graph: one input (n, 3, height, width) in [-1, 1], one output (n, features).

    Images are resized to the graph's height and width, 299 x 299 where it leaves them free. One band is taken
    three times, of more than three the first three. Raises InputError for anything else.
    """
    if channels == 2:
        raise InputError(f"{path}: takes images of three channels; these have 2, use the features of the default")
    session, shape = _open(path)
    name = session.get_inputs()[0].name
    size = [side if isinstance(side, int) else 299 for side in shape[2:]]

    @torch.no_grad()
    def compute(images: Float[Tensor, "tile channel y x"]) -> Float[Tensor, "tile feature"]:
        """The graph's output; images in [-1, 1], grey ones as three equal channels, resized as it wants them."""
        colours = images.expand(-1, 3, -1, -1) if channels == 1 else images[:, :3]
        resized = F.interpolate(colours, size=size, mode="bilinear", antialias=True)
        step = 1 if shape[0] == 1 else len(resized)
        parts = [resized[first : first + step].numpy() for first in range(0, len(resized), step)]
        rows = [session.run(None, {name: part})[0] for part in parts]
        if rows[0].ndim != 2:
            raise InputError(f"{path}: gives an output of shape {rows[0].shape}; must be (n, features)")
        return torch.from_numpy(np.concatenate(rows))

    return Extractor(f"{path.name} sha256:{sha256_of(path)}", compute)


def _open(path: Path) -> tuple[Any, list[int | str]]:
    """A session and the shape of its input."""
    import onnxruntime

    if not path.is_file():
        raise InputError(f"{path}: there is no such file; features are those of an ONNX graph")
    try:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise InputError(f"{path}: is no ONNX graph that can be run ({str(error).splitlines()[0]})") from None
    inputs, outputs = session.get_inputs(), session.get_outputs()
    shape = list(inputs[0].shape)
    free = len(shape) == 4 and shape[1] == 3 and (shape[0] == 1 or not isinstance(shape[0], int))
    if len(inputs) != 1 or len(outputs) != 1 or not free:
        raise InputError(
            f"{path}: has {len(inputs)} inputs, the first of shape {shape}, and {len(outputs)} outputs; must have "
            "one input (n, 3, height, width) with n free or 1, and one output (n, features)"
        )
    return session, shape
