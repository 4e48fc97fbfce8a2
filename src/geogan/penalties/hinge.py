"""Diversity hinge: two fields of the same hard data must differ by as much as wanted."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor


def hinge(
    image: Float[Tensor, "batch channel y x"],
    other: Float[Tensor, "batch channel y x"],
    truth: Float[Tensor, "batch channel y x"],
    mask: Bool[Tensor, "batch y x"],
    /,
    *,
    weight: float = 20.0,
    target: float = 0.35,
) -> Float[Tensor, ""]:
    """weight * max(0, target - mean|G(z1, c) - G(z2, c)|).

    ``target`` is 2 x the hamming distance wanted for two facies (images in [-1, 1]); for K > 2 the
    difference of two one-hot images, summed over channels, is 2 x the hamming distance as well. ``truth`` and
    ``mask`` have no say.
    """
    difference = (image - other).abs().sum(dim=1).mean()
    return weight * (target - difference).clamp(min=0)
