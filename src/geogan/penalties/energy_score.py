"""Energy score: fields must be right as often, and differ as much, as the hard data leave it open.

Gneiting, Raftery (2007), "Strictly proper scoring rules, prediction, and estimation", equations 21 and 22.
"""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F


def energy_score(
    image: Float[Tensor, "batch channel y x"],
    other: Float[Tensor, "batch channel y x"],
    truth: Float[Tensor, "batch channel y x"],
    mask: Bool[Tensor, "batch y x"],
    /,
    *,
    weight: float = 5.0,
    spread: float = 1.5,
    near: float = 0.0,
    reach: int = 3,
) -> Float[Tensor, ""]:
    """weight * S + spread * max(0, error - apart) + near * S_near, where, as means over pixels,

    S = error - apart / 2, error = (|G(z1, c) - x| + |G(z2, c) - x|) / 2 and apart = |G(z1, c) - G(z2, c)|, summed over
    channels.

    ``truth`` is x, the ground that the hard data c were read from, under ``mask``. S is the score. It is strictly
    proper: its expectation is least when the fields of one c take each value of a pixel as often as the ground does
    where c was found; of two facies it is twice the Brier score of the probability map of many fields. The second
    term is then silent but for the chance in a batch, for such fields are as far from each other as from the ground.
    It speaks while they are too alike, from the first step on: fields that have settled on one answer are saturated,
    and the score alone has no gradient left to part them. It moves the fields apart and leaves the error to the score.

    S_near is the score of the pixels at most ``reach`` rows and columns from a datum, data left out, as a mean over
    these pixels of each field, then over fields. There wells say most, and few pixels of a field lie there: S gives
    them little weight where wells are sparse, and fields of dense wells, certain as they are, little beside others.
    """
    error, apart = (_apart(image, truth) + _apart(other, truth)) / 2, _apart(image, other)
    score = error - apart / 2
    cost = weight * score.mean() + spread * (error.mean().detach() - apart.mean()).clamp(min=0)
    if not near:
        return cost
    around = F.max_pool2d(mask.float(), 2 * reach + 1, stride=1, padding=reach) * ~mask
    pixels = around.sum(dim=(1, 2)).clamp(min=1)
    return cost + near * ((score * around).sum(dim=(1, 2)) / pixels).mean()


def _apart(
    one: Float[Tensor, "batch channel y x"], two: Float[Tensor, "batch channel y x"]
) -> Float[Tensor, "batch y x"]:
    return (one - two).abs().sum(dim=1)
