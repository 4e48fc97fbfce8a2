"""The residual generator of CycleGAN: Zhu, Park, Isola, Efros (2017), section 7.2, after Johnson et al. (2016)."""

from __future__ import annotations

from fractions import Fraction
from typing import final

from jaxtyping import Float
from torch import Tensor, nn

from geogan.blocks import Norm, ReflectionPad, initialise
from geogan.generators.translator import ReflectedBlock, Translator, keep_grid, normed


@final
class ResNet(Translator):
    """7 x 7 convolution, two of stride 2, ``blocks`` residual blocks at a quarter of the size, mirrored.

    Channels ``filters``, 2 x and 4 x ``filters``. Nine blocks are published for 256 x 256 pixels, six for 128.
    Borders are reflected but in the convolutions that change the size.
    """

    stride = 4

    def __init__(
        self,
        inputs: int,
        outputs: int,
        ratio: Fraction = Fraction(1),
        /,
        *,
        blocks: int = 9,
        filters: int = 64,
        norm: Norm = "instance",
        dropout: float = 0.0,
    ):
        super().__init__()
        keep_grid("resnet", ratio)
        if blocks < 1 or filters < 1:
            raise ValueError(f"blocks {blocks}, filters {filters}: at least one of each is needed")
        wide = 4 * filters
        self.layers = nn.Sequential(
            ReflectionPad(3),
            *normed(nn.Conv2d(inputs, filters, 7, bias=norm != "batch"), filters, norm),
            *normed(nn.Conv2d(filters, 2 * filters, 3, 2, 1, bias=norm != "batch"), 2 * filters, norm),
            *normed(nn.Conv2d(2 * filters, wide, 3, 2, 1, bias=norm != "batch"), wide, norm),
            *(ReflectedBlock(wide, norm, dropout) for _ in range(blocks)),
            *normed(nn.ConvTranspose2d(wide, 2 * filters, 3, 2, 1, 1, bias=norm != "batch"), 2 * filters, norm),
            *normed(nn.ConvTranspose2d(2 * filters, filters, 3, 2, 1, 1, bias=norm != "batch"), filters, norm),
            ReflectionPad(3),
            nn.Conv2d(filters, outputs, 7),
        )
        initialise(self)

    def forward(self, image: Float[Tensor, "batch channel y x"]) -> Float[Tensor, "batch output y x"]:
        """Raw outputs, before the activation of the target; y and x are multiples of 4."""
        raw: Tensor = self.layers(image)
        return raw
