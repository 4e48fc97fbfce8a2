"""Noise and condition at full size, dilated convolutions, no scaling."""

from __future__ import annotations

import itertools
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from geogan.blocks import ConvNorm, Norm, initialise
from geogan.generators.generator import Generator


@final
class Dilated(Generator):
    """Convolutions of one dilation over the noise map and the condition, both at full size; the stride is 1.

    ``filters`` are the channels of all layers but the last, which gives the image. Ruffino et al. (2018),
    "Dilated spatial GANs for ergodic image generation".
    """

    def __init__(
        self,
        condition: int,
        image: int,
        noise: int,
        /,
        *,
        filters: tuple[int, ...] = (64, 128, 256, 512),
        kernel: int = 5,
        dilation: int = 2,
        norm: Norm = "batch",
    ):
        super().__init__()
        self.stride, self.noise = 1, noise
        widths = (condition + noise, *filters)
        layers = [ConvNorm(a, b, norm, size=kernel, dilation=dilation) for a, b in itertools.pairwise(widths)]
        padding = (kernel - 1) // 2 * dilation
        head = nn.Conv2d(filters[-1], image, kernel, padding=padding, dilation=dilation)
        self.layers = nn.Sequential(*layers, head)
        initialise(self)

    def noise_shape(self, rows: int, columns: int) -> tuple[int, int, int]:
        return self.noise, rows, columns

    def forward(
        self, z: Float[Tensor, "batch noise zy zx"], condition: Float[Tensor, "batch shown y x"]
    ) -> Float[Tensor, "batch image y x"]:
        logits: Tensor = self.layers(torch.cat([condition, z], dim=1))
        return logits
