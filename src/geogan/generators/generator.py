"""What every generator answers."""

from __future__ import annotations

from abc import ABC, abstractmethod

from jaxtyping import Float
from torch import Tensor, nn


class Generator(nn.Module, ABC):
    """(noise map, condition) -> logits, for any field whose sides are multiples of ``stride``.

    ``margin``: cells around the field that the noise map covers too. ``fine``: how many channels of the noise map, the
    last ones, are noises of single cells.
    """

    stride: int
    margin: int = 0
    fine: int = 0

    @abstractmethod
    def noise_shape(self, rows: int, columns: int) -> tuple[int, int, int]:
        """(channel, y, x) of the noise map for a field of rows x columns, multiples of ``stride``."""

    @abstractmethod
    def forward(
        self, z: Float[Tensor, "batch noise zy zx"], condition: Float[Tensor, "batch shown y x"]
    ) -> Float[Tensor, "batch image y x"]:
        """Logits of the facies image."""
