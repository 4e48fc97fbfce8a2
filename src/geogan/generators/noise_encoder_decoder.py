"""Large noise: noise at full size is encoded together with the condition."""

from __future__ import annotations

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from geogan.blocks import Norm, initialise
from geogan.generators.generator import Generator
from geogan.generators.hourglass import Hourglass


@final
class NoiseEncoderDecoder(Generator):
    """An encoder and decoder of the noise map and the condition, both at full size.

    ``filters`` are the channels at half, quarter, ... resolution, so the stride is ``2 ** len(filters)``;
    ``skips`` hands the encoder's features to the decoder. Ruffino et al. (2020), section 5, "large noise".
    """

    def __init__(
        self,
        condition: int,
        image: int,
        noise: int,
        /,
        *,
        filters: tuple[int, ...] = (64, 128, 256, 512),
        skips: bool = True,
        norm: Norm = "batch",
    ):
        super().__init__()
        levels = [skips] * (len(filters) - 1)
        self.body = Hourglass(condition + noise, filters, norm, stem=False, skips=levels)
        self.stride, self.noise = self.body.stride, noise
        self.head = nn.Conv2d(self.body.outputs, image, 3, padding=1)
        initialise(self)

    def noise_shape(self, rows: int, columns: int) -> tuple[int, int, int]:
        return self.noise, rows, columns

    def forward(
        self, z: Float[Tensor, "batch noise zy zx"], condition: Float[Tensor, "batch shown y x"]
    ) -> Float[Tensor, "batch image y x"]:
        logits: Tensor = self.head(self.body(torch.cat([condition, z], dim=1)))
        return logits
