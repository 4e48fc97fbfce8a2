"""A generator straight from one grid to another, for domains of different size, such as digits of 28 and 16 pixels."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from geogan.blocks import Norm, ReflectionPad, initialise, norm_layer
from geogan.generators.translator import Translator, normed

GAIN = 2.0  # tanh(2) = 0.96: black and white stay nearly so


@final
class Direct(Translator):
    """The picture brought to the other grid, plus what a small network adds to it before the activation.

    The network: 7 x 7 convolution to ``filters`` features, one of stride 2 to twice as many, those brought to the
    other grid, ``blocks`` residual blocks, a transposed convolution, 7 x 7. What is added is little at first, so
    that classes are seldom exchanged: two unpaired sets allow any exchange. Borders are padded with zeros, by which
    the network can tell where it is: sets on different grids are framed differently as well.

    Takes any ratio; sides must be multiples of twice its denominator (28 -> 16 pixels: ratio 4/7, multiples of 14).
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        ratio: Fraction = Fraction(1),
        /,
        *,
        blocks: int = 1,
        filters: int = 64,
        norm: Norm = "instance",
        dropout: float = 0.0,
    ):
        super().__init__()
        if blocks < 1 or filters < 1:
            raise ValueError(f"blocks {blocks}, filters {filters}: at least one of each is needed")
        self.ratio, self.stride = ratio, 2 * ratio.denominator
        self.inputs, self.outputs, wide, bias = inputs, outputs, 2 * filters, norm != "batch"
        self.resize = nn.Identity() if ratio == 1 else _Resize(ratio)
        self.layers = nn.Sequential(
            *normed(nn.Conv2d(inputs, filters, 7, 1, 3, bias=bias), filters, norm),
            *normed(nn.Conv2d(filters, wide, 3, 2, 1, bias=bias), wide, norm),
            self.resize,
            *(_Block(wide, norm, dropout) for _ in range(blocks)),
            *normed(nn.ConvTranspose2d(wide, filters, 3, 2, 1, 1, bias=bias), filters, norm),
            nn.Conv2d(filters, outputs, 7, 1, 3),
        )
        initialise(self)

    def forward(self, image: Float[Tensor, "batch channel y x"]) -> Float[Tensor, "batch output y2 x2"]:
        """Raw output; that of the picture alone is GAIN times the picture, of its mean where channels differ."""
        shown = image if self.inputs == self.outputs else image.mean(dim=1, keepdim=True)
        raw: Tensor = self.layers(image) + GAIN * self.resize(shown)
        return raw


class _Block(nn.Module):
    """x + f(x), f = conv, norm, ReLU, conv, norm; 3 x 3 with zeros beyond the borders."""

    def __init__(self, channels: int, norm: Norm, dropout: float):
        super().__init__()
        self.body = nn.Sequential(
            *normed(nn.Conv2d(channels, channels, 3, 1, 1, bias=norm != "batch"), channels, norm),
            nn.Dropout(dropout) if dropout else nn.Identity(),
            nn.Conv2d(channels, channels, 3, 1, 1, bias=norm != "batch"),
            norm_layer(norm, channels, frozen=True),
        )

    def forward(self, x: Float[Tensor, "batch channel y x"]) -> Float[Tensor, "batch channel y x"]:
        change: Tensor = self.body(x)
        return x + change


class _Resize(nn.Module):
    """Sides of n q pixels become n p, ratio = p / q: linear interpolation, over the area of larger new pixels.

    p kernels along each axis, moved by q pixels, their results interleaved. The same as torch's antialiased bilinear
    resizing but for reflected borders, and deterministic on CUDA, where the backward of torch's is not.
    """

    kernels: Float[Tensor, "p tap"]

    def __init__(self, ratio: Fraction):
        super().__init__()
        self.step = ratio.denominator
        width = max(Fraction(1), 1 / ratio)
        centres = [(Fraction(2 * phase + 1, 2)) / ratio - Fraction(1, 2) for phase in range(ratio.numerator)]
        reach = -math.floor(centres[0] - width) - 1  # pixels before the first of a stride that have some weight
        taps = range(-reach, self.step + reach)
        weights = [[max(Fraction(0), 1 - abs(tap - centre) / width) for tap in taps] for centre in centres]
        self.pad = ReflectionPad(reach)
        kernels = [[float(weight / sum(row)) for weight in row] for row in weights]
        self.register_buffer("kernels", torch.tensor(kernels), persistent=False)

    def forward(self, x: Float[Tensor, "batch channel y x"]) -> Float[Tensor, "batch channel y2 x2"]:
        maps = self.pad(x).flatten(0, 1).unsqueeze(1)
        rows = F.conv2d(maps, self.kernels[:, None, :, None], stride=(self.step, 1))
        rows = rows.transpose(1, 2).flatten(1, 2).unsqueeze(1)
        both = F.conv2d(rows, self.kernels[:, None, None, :], stride=(1, self.step))
        both = both.permute(0, 2, 3, 1).flatten(2, 3)
        return both.view(-1, x.shape[1], *both.shape[1:])
