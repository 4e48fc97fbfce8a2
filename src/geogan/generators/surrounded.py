"""Fields without a border effect: drawn with a margin around them that is cut off."""

from __future__ import annotations

from typing import final

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from geogan.generators.generator import Generator


@final
class Surrounded(Generator):
    """A generator that draws ``margin`` cells more on every side of a field, with noise but nothing known in them.

    The zeros that its layers read beyond a border lie around the margin then, not around the field. ``margin`` is
    a multiple of the generator's stride.
    """

    def __init__(self, inner: Generator, margin: int):
        super().__init__()
        self.inner, self.stride, self.margin, self.fine = inner, inner.stride, margin, inner.fine

    def noise_shape(self, rows: int, columns: int) -> tuple[int, int, int]:
        return self.inner.noise_shape(rows + 2 * self.margin, columns + 2 * self.margin)

    def forward(
        self, z: Float[Tensor, "batch noise zy zx"], condition: Float[Tensor, "batch shown y x"]
    ) -> Float[Tensor, "batch image y x"]:
        m = self.margin
        logits: Tensor = self.inner(z, F.pad(condition, (m, m, m, m)))
        return logits[..., m:-m, m:-m]


def surrounded(generator: Generator, margin: int) -> Generator:
    """The generator with a margin; itself where that is 0."""
    return Surrounded(generator, margin) if margin else generator
