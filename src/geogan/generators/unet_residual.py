"""U-Net whose bottom joins the noise before a trunk of residual blocks."""

from __future__ import annotations

import itertools
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from geogan.blocks import ConvNorm, Norm, Residual, UpNorm, initialise
from geogan.generators.generator import Generator


@final
class UNetResidual(Generator):
    """Encodes the condition, joins the noise map at the bottom, decodes with skips.

    ``filters`` are the channels at full, half, quarter, ... resolution; the noise map lies at the coarsest,
    so the stride is ``2 ** (len(filters) - 1)``. ``dilations`` gives one residual block each. Layout after
    the U-Net with a residual bottom of Ruffino et al. (2020), "Pixel-wise conditioned GANs", section 5.
    """

    def __init__(
        self,
        condition: int,
        image: int,
        noise: int,
        /,
        *,
        filters: tuple[int, ...] = (32, 64, 128, 128),
        dilations: tuple[int, ...] = (1, 2),
        norm: Norm = "batch",
    ):
        super().__init__()
        self.stride = 2 ** (len(filters) - 1)
        self.noise = noise
        self.stem = ConvNorm(condition, filters[0], norm)
        self.down = nn.ModuleList(
            ConvNorm(fine, coarse, norm, size=4, stride=2) for fine, coarse in itertools.pairwise(filters)
        )
        bottom = filters[-1]
        self.join = ConvNorm(bottom + noise, bottom, norm)
        self.trunk = nn.Sequential(*(Residual(bottom, norm, dilation) for dilation in dilations))
        self.up = nn.ModuleList()
        width = bottom
        for skip in reversed(filters[:-1]):
            self.up.append(UpNorm(width, skip, norm))
            width = 2 * skip
        self.head = nn.Conv2d(width, image, 3, padding=1)
        initialise(self)

    def noise_shape(self, rows: int, columns: int) -> tuple[int, int, int]:
        return self.noise, rows // self.stride, columns // self.stride

    def forward(
        self, z: Float[Tensor, "batch noise zy zx"], condition: Float[Tensor, "batch shown y x"]
    ) -> Float[Tensor, "batch image y x"]:
        x = self.stem(condition)
        skips = [x]
        for layer in self.down:
            x = layer(x)
            skips.append(x)
        x = self.trunk(self.join(torch.cat([skips.pop(), z], dim=1)))
        for layer in self.up:
            x = torch.cat([layer(x), skips.pop()], dim=1)
        logits: Tensor = self.head(x)
        return logits
