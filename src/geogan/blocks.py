"""Building blocks that the networks share."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

Norm = Literal["batch", "instance", "none"]


def norm_layer(norm: Norm, channels: int, *, frozen: bool = False) -> nn.Module:
    """Batch norm with, instance norm without affine parameters, or nothing.

    ``frozen``: instance norm keeps running statistics in training and uses them in evaluation, as batch norm
    always does, so that a pixel does not depend on the size of the picture that it lies in.
    """
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    return nn.InstanceNorm2d(channels, track_running_stats=frozen) if norm == "instance" else nn.Identity()


class ConvNorm(nn.Sequential):
    """Convolution, norm, ReLU; zero padding keeps the size (divided by ``stride``)."""

    def __init__(self, inputs: int, outputs: int, norm: Norm, size: int = 3, stride: int = 1, dilation: int = 1):
        padding = (size - 1) // 2 * dilation
        super().__init__(
            nn.Conv2d(inputs, outputs, size, stride, padding, dilation, bias=norm == "none"),
            norm_layer(norm, outputs),
            nn.ReLU(inplace=True),
        )


class UpNorm(nn.Sequential):
    """Transposed 4 x 4 convolution that doubles the size, norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, norm: Norm):
        super().__init__(
            nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=norm == "none"),
            norm_layer(norm, outputs),
            nn.ReLU(inplace=True),
        )


class Residual(nn.Module):
    """x + f(x), f = conv, norm, ReLU, conv, norm; both convolutions 3 x 3 with the same dilation."""

    def __init__(self, channels: int, norm: Norm, dilation: int = 1):
        super().__init__()
        self.body = nn.Sequential(
            ConvNorm(channels, channels, norm, dilation=dilation),
            nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation, bias=norm == "none"),
            norm_layer(norm, channels),
        )

    def forward(self, x: Float[Tensor, "batch channel y x"]) -> Float[Tensor, "batch channel y x"]:
        change: Tensor = self.body(x)
        return x + change


class InputNoise(nn.Module):
    """Adds Gaussian noise of standard deviation ``sigma`` in training; nothing in evaluation."""

    def __init__(self, sigma: float):
        super().__init__()
        self.sigma = sigma

    def forward(self, x: Float[Tensor, "batch channel y x"]) -> Float[Tensor, "batch channel y x"]:
        return x + self.sigma * torch.randn_like(x) if self.training and self.sigma else x


class ReflectionPad(nn.Module):
    """Continues an image beyond its borders by reflection, without repeating the border itself.

    Flips and concatenations, whose backward is deterministic on CUDA; that of torch's reflection is not.
    """

    def __init__(self, pixels: int):
        super().__init__()
        self.pixels = pixels

    def forward(self, x: Float[Tensor, "batch channel y x"]) -> Float[Tensor, "batch channel y2 x2"]:
        n = self.pixels
        for axis in (-2, -1):
            length = x.shape[axis]
            before, after = x.narrow(axis, 1, n).flip(axis), x.narrow(axis, length - n - 1, n).flip(axis)
            x = torch.cat([before, x, after], dim=axis)
        return x


def pad_to_multiple(x: Float[Tensor, "batch channel y x"], multiple: int) -> Float[Tensor, "batch channel y2 x2"]:
    """Zero-pad at the bottom and right until both sides are multiples of ``multiple``."""
    rows, columns = x.shape[-2:]
    return F.pad(x, (0, -columns % multiple, 0, -rows % multiple))


def initialise(module: nn.Module) -> None:
    """Weights N(0, 0.02), norm scales N(1, 0.02), biases 0 (DCGAN, Radford 2015, section 3)."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(layer.weight, 0.0, 0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02)
            nn.init.zeros_(layer.bias)
