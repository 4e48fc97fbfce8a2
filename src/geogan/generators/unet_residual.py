"""U-Net whose bottom joins the noise before a trunk of residual blocks."""

from __future__ import annotations

from typing import final

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from geogan.blocks import Norm, Residual, initialise
from geogan.generators.generator import Generator
from geogan.generators.hourglass import Hourglass


@final
class UNetResidual(Generator):
    """Encodes the condition, joins the noise map at the bottom, decodes with skips.

    ``filters`` are the channels at full, half, quarter, ... resolution; the noise map lies at the coarsest,
    so the stride is ``2 ** (len(filters) - 1)``. ``dilations`` gives one residual block each. Without
    ``finest_skip`` the condition at full size reaches the output through the coarser levels alone, so that
    a datum cannot be pasted as one pixel. ``nugget`` times a noise of each cell and channel is added to the logits:
    texture of single cells (the nugget effect of variograms) where the network leaves logits close together, and
    nowhere else. Layout after the U-Net with a residual bottom of Ruffino et al. (2020), "Pixel-wise conditioned
    GANs", section 5.
    """

    def __init__(
        self,
        condition: int,
        image: int,
        noise: int,
        /,
        *,
        filters: tuple[int, ...] = (64, 128, 256, 256),
        dilations: tuple[int, ...] = (1, 1, 1, 1),
        finest_skip: bool = True,
        nugget: float = 0.0,
        norm: Norm = "batch",
    ):
        super().__init__()
        if nugget < 0:
            raise ValueError(f"nugget must be at least 0, got {nugget}")
        trunk = nn.Sequential(*(Residual(filters[-1], norm, dilation) for dilation in dilations))
        skips = [finest_skip] * (len(filters) > 1) + [True] * (len(filters) - 2)
        self.body = Hourglass(condition, filters, norm, joined=noise, trunk=trunk, skips=skips)
        self.stride, self.nugget = self.body.stride, nugget
        self.coarse, self.fine = noise, image * self.stride**2 if nugget else 0
        self.head = nn.Conv2d(self.body.outputs, image, 3, padding=1)
        initialise(self)

    def noise_shape(self, rows: int, columns: int) -> tuple[int, int, int]:
        return self.coarse + self.fine, rows // self.stride, columns // self.stride

    def forward(
        self, z: Float[Tensor, "batch noise zy zx"], condition: Float[Tensor, "batch shown y x"]
    ) -> Float[Tensor, "batch image y x"]:
        logits: Tensor = self.head(self.body(condition, z[:, : self.coarse]))
        if self.fine:
            logits = logits + self.nugget * F.pixel_shuffle(z[:, self.coarse :], self.stride)
        return logits
