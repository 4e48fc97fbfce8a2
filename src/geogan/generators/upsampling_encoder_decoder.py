"""Noise upsampled to full size, joined with the condition, then an encoder and decoder with skips."""

from __future__ import annotations

import itertools
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from geogan.blocks import Norm, UpNorm, initialise
from geogan.generators.generator import Generator
from geogan.generators.hourglass import Hourglass


@final
class UpsamplingEncoderDecoder(Generator):
    """Transposed convolutions bring the noise map to full size, an encoder and decoder see it with the condition.

    ``up`` are the channels of the upsampling layers (each doubles the size), ``filters`` those of the encoder at
    half, quarter, ... resolution. The stride is the larger of 2 to the power of either length. Ruffino et al.
    (2020), section 5.
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
        norm: Norm = "batch",
    ):
        super().__init__()
        self.noise = noise
        self.ratio = 2 ** len(up)  # side of the field / side of the noise map
        self.up = nn.Sequential(*(UpNorm(a, b, norm) for a, b in itertools.pairwise((noise, *up))))
        levels = [True] * (len(filters) - 1)
        self.body = Hourglass(condition + up[-1], filters, norm, stem=False, skips=levels)
        self.stride = max(self.ratio, self.body.stride)
        self.head = nn.Conv2d(self.body.outputs, image, 3, padding=1)
        initialise(self)

    def noise_shape(self, rows: int, columns: int) -> tuple[int, int, int]:
        return self.noise, rows // self.ratio, columns // self.ratio

    def forward(
        self, z: Float[Tensor, "batch noise zy zx"], condition: Float[Tensor, "batch shown y x"]
    ) -> Float[Tensor, "batch image y x"]:
        logits: Tensor = self.head(self.body(torch.cat([condition, self.up(z)], dim=1)))
        return logits
