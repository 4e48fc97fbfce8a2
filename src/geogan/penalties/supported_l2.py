"""Squared error on the hard data, and support for each of them by the pixels around it."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from geogan.facies import Codes, activate, encode


def supported_l2(
    logits: Float[Tensor, "batch channel y x"],
    codes: Codes,
    mask: Bool[Tensor, "batch y x"],
    /,
    *,
    weight: float = 10.0,
    support: float = 1.0,
    share: float = 0.4,
) -> Float[Tensor, ""]:
    """weight * (L_C + support * mean over hard data of max(0, share - a) / share), L_C as in ``masked_l2``.

    a is the share of a datum's eight neighbours (fewer at borders) that have its facies, as far as the image tells
    it: the mean of (1 + x G) / 2 for two facies, of the probability of the facies for more. A datum that is honoured
    by one pixel pasted into another facies has a = 0 and pays in full; real facies are no single pixels. For facies
    alone: a property has no neighbours of the same value.
    """
    known = codes.where(mask, codes.new_zeros(()))
    image = activate(logits)
    wanted = encode(known, max(2, logits.shape[1]))
    alike = (_around(image) * wanted).sum(dim=1)
    agreement = (1 + alike) / 2 if logits.shape[1] == 1 else alike
    lacking = (share - agreement).clamp(min=0) / share
    cost = (image - wanted).square().mean(dim=1) + support * lacking
    return weight * (cost * mask).sum() / mask.sum().clamp(min=1)


def _around(image: Float[Tensor, "batch channel y x"]) -> Float[Tensor, "batch channel y x"]:
    """Mean of the neighbours of every pixel, itself left out."""
    count = F.avg_pool2d(torch.ones_like(image[:1, :1]), 3, 1, 1, divisor_override=1) - 1
    return (F.avg_pool2d(image, 3, 1, 1, divisor_override=1) - image) / count
