"""Noise upsampled to full size, joined with the condition, then dilated convolutions."""

from __future__ import annotations

import itertools
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from geogan.blocks import ConvNorm, Norm, UpNorm, initialise
from geogan.generators.generator import Generator


@final
class UpsamplingDilated(Generator):
    """Transposed convolutions bring the noise map to full size, dilated ones see it with the condition.

    Ruffino et al. (2018), "Dilated spatial GANs for ergodic image generation", generator "UpDil":
    ``up`` are the channels of the upsampling layers (each doubles the size), ``filters`` those of the
    dilated convolutions, whose dilation is 1, 2, 3, ... in turn.
    """

    def __init__(
        self,
        condition: int,
        image: int,
        noise: int,
        /,
        *,
        up: tuple[int, ...] = (256, 128, 64),
        filters: tuple[int, ...] = (64, 128, 256, 512),
        kernel: int = 5,
        norm: Norm = "batch",
    ):
        super().__init__()
        self.stride = 2 ** len(up)
        self.noise = noise
        widths = (noise, *up)
        self.up = nn.Sequential(*(UpNorm(a, b, norm) for a, b in itertools.pairwise(widths)))
        widths = (up[-1] + condition, *filters)
        self.dilated = nn.Sequential(
            *(
                ConvNorm(a, b, norm, size=kernel, dilation=dilation)
                for dilation, (a, b) in enumerate(itertools.pairwise(widths), start=1)
            )
        )
        self.head = nn.Conv2d(filters[-1], image, kernel, padding=(kernel - 1) // 2)
        initialise(self)

    def noise_shape(self, rows: int, columns: int) -> tuple[int, int, int]:
        return self.noise, rows // self.stride, columns // self.stride

    def forward(
        self, z: Float[Tensor, "batch noise zy zx"], condition: Float[Tensor, "batch shown y x"]
    ) -> Float[Tensor, "batch image y x"]:
        logits: Tensor = self.head(self.dilated(torch.cat([self.up(z), condition], dim=1)))
        return logits
