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
    a multiple of the generator's stride. ``shift``, less than a stride along each axis, moves the field up and left in
    what is drawn: its cells then lie elsewhere on the lattice of the layers that halve and double.
    """

    def __init__(self, inner: Generator, margin: int):
        super().__init__()
        self.inner, self.stride, self.margin = inner, inner.stride, margin

    def noise_shape(self, rows: int, columns: int) -> tuple[int, int, int]:
        return self.inner.noise_shape(rows + 2 * self.margin, columns + 2 * self.margin)

    def forward(
        self,
        z: Float[Tensor, "batch noise zy zx"],
        condition: Float[Tensor, "batch shown y x"],
        shift: tuple[int, int] = (0, 0),
    ) -> Float[Tensor, "batch image y x"]:
        m, (down, right) = self.margin, shift
        logits: Tensor = self.inner(z, F.pad(condition, (m - right, m + right, m - down, m + down)))
        rows, columns = condition.shape[-2:]
        return logits[..., m - down : m - down + rows, m - right : m - right + columns]


def surrounded(generator: Generator, margin: int) -> Generator:
    """The generator with a margin; itself where that is 0."""
    return Surrounded(generator, margin) if margin else generator
