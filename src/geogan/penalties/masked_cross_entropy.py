"""Cross-entropy on the hard data, for K >= 2 facies."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor
from torch.nn import functional as F


def masked_cross_entropy(
    logits: Float[Tensor, "batch channel y x"],
    codes: UInt8[Tensor, "batch y x"],
    mask: Bool[Tensor, "batch y x"],
    /,
    *,
    weight: float = 10.0,
) -> Float[Tensor, ""]:
    """weight * mean over constrained pixels of -log p(code); 0 where nothing is constrained.

    For two facies the image is tanh(l) = 2 sigmoid(2 l) - 1, so p(code 1) = sigmoid(2 l).
    """
    if logits.shape[1] == 1:
        logits = torch.cat([torch.zeros_like(logits), 2 * logits], dim=1)
    known = codes.where(mask, codes.new_zeros(())).long()
    cost = F.cross_entropy(logits, known, reduction="none")
    return weight * (cost * mask).sum() / mask.sum().clamp(min=1)
