"""Encoder and decoder: the noise joins the encoded condition at the bottom."""

from __future__ import annotations

from typing import final

from jaxtyping import Float
from torch import Tensor, nn

from geogan.blocks import Norm, initialise
from geogan.generators.generator import Generator
from geogan.generators.hourglass import Hourglass


@final
class EncoderDecoder(Generator):
    """The condition is encoded by stride-2 convolutions, joined with the noise map and decoded.

    ``filters`` are the channels at half, quarter, ... resolution; the noise map lies at the coarsest, so the
    stride is ``2 ** len(filters)``. ``skips`` hands the encoder's features to the decoder (a U-Net). Ruffino et
    al. (2018), "Dilated spatial GANs for ergodic image generation", and (2020), section 5.
    """

    def __init__(
        self,
        condition: int,
        image: int,
        noise: int,
        /,
        *,
        filters: tuple[int, ...] = (64, 128, 256, 512),
        skips: bool = False,
        norm: Norm = "batch",
    ):
        super().__init__()
        levels = [skips] * (len(filters) - 1)
        self.body = Hourglass(condition, filters, norm, stem=False, joined=noise, skips=levels)
        self.stride, self.noise = self.body.stride, noise
        self.head = nn.Conv2d(self.body.outputs, image, 3, padding=1)
        initialise(self)

    def noise_shape(self, rows: int, columns: int) -> tuple[int, int, int]:
        return self.noise, rows // self.stride, columns // self.stride

    def forward(
        self, z: Float[Tensor, "batch noise zy zx"], condition: Float[Tensor, "batch shown y x"]
    ) -> Float[Tensor, "batch image y x"]:
        logits: Tensor = self.head(self.body(condition, z))
        return logits
