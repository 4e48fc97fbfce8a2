"""How far around a cell a generator of fields looks, and what it holds meanwhile: measured on its own layers."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor, nn

from geogan.generators import Generator, Surrounded

LIMIT = 2**15  # cells along the longest probe: what looks farther is taken to look everywhere
FLOAT = 4  # bytes
NORMS = (nn.BatchNorm2d, nn.InstanceNorm2d)
WHOLE = (nn.GroupNorm, nn.LayerNorm, nn.Linear, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)


@dataclass(frozen=True)
class ReceptiveField:
    """``margin``: cells around a block of ``stride`` x ``stride`` beyond which nothing that a layer reads can change
    the block, the largest over the four directions; a multiple of the stride. None where the whole field counts:
    ``why`` names the layer then. ``bytes_per_cell``: of the features that the greediest layer reads and writes.
    """

    margin: int | None
    bytes_per_cell: float
    why: str = ""

    @classmethod
    def of(cls, generator: Generator) -> ReceptiveField:
        """That of a generator in evaluation mode.

        The generator runs over a strip, with every convolution replaced by the mean over the same taps and all
        channels: no weight is zero, none cancels another. The gradient of a block in the middle tells which cells of
        the input *of every layer* reach it; those are what a window must hold, because at its edge a layer reads
        zeros instead. Strips along rows and along columns suffice, the taps of a kernel being a product of the two.
        """
        if isinstance(generator, Surrounded):  # what it draws around a window is cut off with the window's edge
            return cls.of(generator.inner)
        probe = _Probe(generator)
        why = next((f"its layer {name} ({type(layer).__name__})" for name, layer in _whole(generator)), "")
        sides = [_side(probe, generator.stride, axis) for axis in (0, 1)]
        if why or None in sides:
            return cls(None, probe.bytes_per_cell, why or f"it looks farther than {LIMIT // 2} cells")
        return cls(max(side for side in sides if side is not None), probe.bytes_per_cell)


def _whole(generator: Generator) -> Iterator[tuple[str, nn.Module]]:
    """Layers whose output at a cell depends on all of the field."""
    for name, layer in generator.named_modules():
        if isinstance(layer, WHOLE) or (isinstance(layer, NORMS) and not layer.track_running_stats):
            yield name, layer


def _side(probe: _Probe, stride: int, axis: int) -> int | None:
    """The margin along an axis. None where even the longest strip ends within it."""
    length = 32 * stride
    while length <= max(LIMIT, 32 * stride):
        start = length // 2 // stride * stride
        first, last = probe.reach(length, start, axis)
        if first > 0 and last < length:
            margin = max(start - first, last - start - stride)
            return -(-margin // stride) * stride
        length *= 2
    return None


class _Probe:
    """A copy of the generator whose convolutions are means, and what they read in the last run."""

    def __init__(self, generator: Generator):
        self.generator, self.reads, self.bytes_per_cell = copy.deepcopy(generator), _Reads(), 0.0
        _replace(self.generator, self.reads)

    def reach(self, length: int, start: int, axis: int) -> tuple[int, int]:
        """The first cell of a strip that reaches the block at ``start``, and the one after the last."""
        stride = self.generator.stride
        shape = (length, stride) if axis == 0 else (stride, length)
        self.reads.tensors.clear()
        z = torch.ones(1, *self.generator.noise_shape(*shape), dtype=torch.float64)
        condition = torch.ones(1, 1, *shape, dtype=torch.float64)
        with torch.enable_grad():
            image = self.generator(z.requires_grad_(), condition.requires_grad_())
            block = image.narrow(axis - 2, start, stride).sum()
            inputs = [z, condition, *self.reads.tensors]
            gradients = torch.autograd.grad(block, inputs, allow_unused=True)
        self.bytes_per_cell = max([condition.numel(), *self.reads.numbers]) * FLOAT / condition.numel()
        self.reads.numbers.clear()
        spans = []
        for gradient in gradients:
            if gradient is not None and gradient.any():
                seen = gradient.sum((0, 1)).sum(1 - axis).nonzero()
                cells = length // gradient.shape[axis - 2]  # of the field, for one of this layer
                spans.append((int(seen.min()) * cells, (int(seen.max()) + 1) * cells))
        return min((first for first, _ in spans), default=start), max(
            (last for _, last in spans), default=start + stride
        )


@dataclass
class _Reads:
    tensors: list[Tensor] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)  # of values that a layer reads, writes and normalises


class _Mean(nn.Module):
    """Takes the place of a convolution: the mean over its taps and over all channels, in one channel."""

    def __init__(self, layer: nn.Conv2d | nn.ConvTranspose2d, reads: _Reads):
        super().__init__()
        self.channels = (layer.in_channels, layer.out_channels)
        kernel = torch.ones(1, 1, *layer.kernel_size, dtype=torch.float64)
        layer.weight, layer.bias, layer.groups = nn.Parameter(kernel / kernel.numel()), None, 1
        self.layer, self.reads = layer, reads

    def forward(self, x: Float[Tensor, "1 channel y x"]) -> Float[Tensor, "1 1 y2 x2"]:
        x = x.clone()  # read by this layer alone
        self.reads.tensors.append(x)
        mean: Tensor = self.layer(x.mean(1, keepdim=True))
        inputs, outputs = self.channels
        self.reads.numbers.append(inputs * x[0, 0].numel() + 2 * outputs * mean.numel())
        return mean


def _replace(module: nn.Module, reads: _Reads) -> None:
    """Convolutions by means, norms by nothing."""
    for name, child in module.named_children():
        if isinstance(child, nn.Conv2d | nn.ConvTranspose2d):
            setattr(module, name, _Mean(child, reads))
        elif isinstance(child, (*NORMS, nn.GroupNorm, nn.LayerNorm)):
            setattr(module, name, nn.Identity())
        else:
            _replace(child, reads)
