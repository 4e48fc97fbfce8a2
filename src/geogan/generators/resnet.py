"""The residual generator of CycleGAN: Zhu, Park, Isola, Efros (2017), section 7.2, after Johnson et al. (2016)."""

from __future__ import annotations

from typing import final

from jaxtyping import Float
from torch import Tensor, nn

from geogan.blocks import Norm, ReflectionPad, initialise, norm_layer
from geogan.generators.translator import Translator


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
        /,
        *,
        blocks: int = 9,
        filters: int = 64,
        norm: Norm = "instance",
        dropout: float = 0.0,
    ):
        super().__init__()
        if blocks < 1 or filters < 1:
            raise ValueError(f"blocks {blocks}, filters {filters}: at least one of each is needed")
        wide = 4 * filters
        self.layers = nn.Sequential(
            ReflectionPad(3),
            *_layer(nn.Conv2d(inputs, filters, 7, bias=norm != "batch"), filters, norm),
            *_layer(nn.Conv2d(filters, 2 * filters, 3, 2, 1, bias=norm != "batch"), 2 * filters, norm),
            *_layer(nn.Conv2d(2 * filters, wide, 3, 2, 1, bias=norm != "batch"), wide, norm),
            *(_Block(wide, norm, dropout) for _ in range(blocks)),
            *_layer(nn.ConvTranspose2d(wide, 2 * filters, 3, 2, 1, 1, bias=norm != "batch"), 2 * filters, norm),
            *_layer(nn.ConvTranspose2d(2 * filters, filters, 3, 2, 1, 1, bias=norm != "batch"), filters, norm),
            ReflectionPad(3),
            nn.Conv2d(filters, outputs, 7),
        )
        initialise(self)

    def forward(self, image: Float[Tensor, "batch channel y x"]) -> Float[Tensor, "batch output y x"]:
        raw: Tensor = self.layers(image)
        return raw


class _Block(nn.Module):
    """x + f(x), f = conv, norm, ReLU, conv, norm; 3 x 3 with reflected borders."""

    def __init__(self, channels: int, norm: Norm, dropout: float):
        super().__init__()
        first, second = (nn.Conv2d(channels, channels, 3, bias=norm != "batch") for _ in range(2))
        self.body = nn.Sequential(
            ReflectionPad(1),
            *_layer(first, channels, norm),
            nn.Dropout(dropout) if dropout else nn.Identity(),
            ReflectionPad(1),
            second,
            norm_layer(norm, channels, frozen=True),
        )

    def forward(self, x: Float[Tensor, "batch channel y x"]) -> Float[Tensor, "batch channel y x"]:
        change: Tensor = self.body(x)
        return x + change


def _layer(convolution: nn.Module, channels: int, norm: Norm) -> tuple[nn.Module, ...]:
    """The convolution, its norm and ReLU."""
    return convolution, norm_layer(norm, channels, frozen=True), nn.ReLU()
