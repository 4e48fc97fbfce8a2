"""Energy score: fields must be right as often, and differ as much, as the hard data leave it open.

Gneiting, Raftery (2007), "Strictly proper scoring rules, prediction, and estimation", equations 20 and 22.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def energy_score(
    image: Float[Tensor, "batch channel y x"],
    other: Float[Tensor, "batch channel y x"],
    truth: Float[Tensor, "batch channel y x"],
    /,
    *,
    weight: float = 10.0,
) -> Float[Tensor, ""]:
    """weight * mean over pixels of (|G(z1, c) - x| + |G(z2, c) - x|) / 2 - |G(z1, c) - G(z2, c)| / 2.

    ``truth`` is x, the ground that the hard data c were read from; differences are summed over channels. The score
    is strictly proper: its expectation is least when the fields of one c take each value of a pixel as often as the
    ground does where c was found. Of fields of two facies it is twice the Brier score of the probability map of many
    fields, so nothing has to be said of how diverse they shall be.
    """

    def apart(one: Float[Tensor, "batch channel y x"], two: Float[Tensor, "batch channel y x"]) -> Float[Tensor, ""]:
        return (one - two).abs().sum(dim=1).mean()

    return weight * (apart(image, truth) + apart(other, truth) - apart(image, other)) / 2
