"""What every generator of pictures from pictures answers, and the layers that several of them have."""

from __future__ import annotations

from abc import ABC, abstractmethod
from fractions import Fraction

from jaxtyping import Float
from torch import Tensor, nn

from geogan.blocks import Norm, ReflectionPad, norm_layer
from geogan.errors import InputError


class Translator(nn.Module, ABC):
    """Image -> raw output (no activation) of ``ratio`` times its sides, which are multiples of ``stride``.

    In evaluation mode nothing depends on the size of the image but at its borders: norms use statistics kept
    from training.
    """

    stride: int
    ratio: Fraction = Fraction(1)

    @abstractmethod
    def forward(self, image: Float[Tensor, "batch channel y x"]) -> Float[Tensor, "batch output y2 x2"]:
        """Raw output: tanh makes an image of it, softmax probabilities of classes."""


def keep_grid(name: str, ratio: Fraction) -> None:
    """Raise InputError unless the output has the grid of the input; for generators that know no other."""
    if ratio != 1:
        raise InputError(
            f"generator.name: {name!r} keeps the grid, but sides are to become {ratio} of what they are; use 'direct'"
        )


class ReflectedBlock(nn.Module):
    """x + f(x), f = conv, norm, ReLU, conv, norm; 3 x 3 with reflected borders."""

    def __init__(self, channels: int, norm: Norm, dropout: float):
        super().__init__()
        first, second = (nn.Conv2d(channels, channels, 3, bias=norm != "batch") for _ in range(2))
        self.body = nn.Sequential(
            ReflectionPad(1),
            *normed(first, channels, norm),
            nn.Dropout(dropout) if dropout else nn.Identity(),
            ReflectionPad(1),
            second,
            norm_layer(norm, channels, frozen=True),
        )

    def forward(self, x: Float[Tensor, "batch channel y x"]) -> Float[Tensor, "batch channel y x"]:
        change: Tensor = self.body(x)
        return x + change


def normed(convolution: nn.Module, channels: int, norm: Norm) -> tuple[nn.Module, ...]:
    """The convolution, its norm and ReLU."""
    return convolution, norm_layer(norm, channels, frozen=True), nn.ReLU()
