"""Squared error on the hard data: L_C of Ruffino et al. (2018), equation 9, as a mean."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

from geogan.facies import CONTINUOUS, Codes, activate, encode


def masked_l2(
    logits: Float[Tensor, "batch channel y x"],
    codes: Codes,
    mask: Bool[Tensor, "batch y x"],
    /,
    *,
    weight: float = 10.0,
) -> Float[Tensor, ""]:
    """weight * sum(mask * (x - G)^2) / sum(mask), x and G images (channels averaged for K > 2 facies).

    Codes that are floating-point numbers are scaled values of a continuous property.

    The mean over the constrained pixels, so that the weight depends neither on density nor on size;
    0 where nothing is constrained.
    """
    known = codes.where(mask, codes.new_zeros(()))
    count = CONTINUOUS if known.is_floating_point() else max(2, logits.shape[1])
    error = (activate(logits) - encode(known, count)).square().mean(dim=1)
    return weight * (error * mask).sum() / mask.sum().clamp(min=1)
