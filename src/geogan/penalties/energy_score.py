"""Energy score: fields must be right as often, and differ as much, as the hard data leave it open.

Gneiting, Raftery (2007), "Strictly proper scoring rules, prediction, and estimation", equations 21 and 22.
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
    weight: float = 5.0,
    spread: float = 1.5,
) -> Float[Tensor, ""]:
    """weight * (error - apart / 2) + spread * max(0, error - apart), where, as means over pixels,

    error = (|G(z1, c) - x| + |G(z2, c) - x|) / 2 and apart = |G(z1, c) - G(z2, c)|, summed over channels.

    ``truth`` is x, the ground that the hard data c were read from. The first term is the score. It is strictly
    proper: its expectation is least when the fields of one c take each value of a pixel as often as the ground does
    where c was found; of two facies it is twice the Brier score of the probability map of many fields. The second
    term is then silent but for the chance in a batch, for such fields are as far from each other as from the ground.
    It speaks while they are too alike, from the first step on: fields that have settled on one answer are saturated,
    and the score alone has no gradient left to part them. It moves the fields apart and leaves the error to the score.
    """

    def distance(one: Float[Tensor, "batch channel y x"], two: Float[Tensor, "batch channel y x"]) -> Float[Tensor, ""]:
        return (one - two).abs().sum(dim=1).mean()

    error, apart = (distance(image, truth) + distance(other, truth)) / 2, distance(image, other)
    return weight * (error - apart / 2) + spread * (error.detach() - apart).clamp(min=0)
