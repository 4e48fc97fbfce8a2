"""Cross-entropy of a map of classes."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def cross_entropy(
    raw: Float[Tensor, "batch class y x"],
    image: Float[Tensor, "batch class y x"],
    truth: Float[Tensor, "batch class y x"],
    /,
    *,
    weight: float = 10.0,
    balance: float = 0.0,
) -> Float[Tensor, ""]:
    """weight * mean over pixels of -sum_k w_k truth_k log softmax(raw)_k; ``truth`` has one channel per class.

    w_k is the share of class k in the batch to the power of -``balance``, scaled so that known pixels have the mean
    weight 1: 0 weighs pixels alike, 1 weighs classes alike, for classes that are rare.
    """
    share = truth.mean(dim=(0, 2, 3))
    classes = torch.where(share > 0, share.clamp(min=1e-12) ** -balance, 0.0)
    classes = classes * share.sum() / (classes * share).sum().clamp(min=1e-12)
    return -weight * (classes.view(1, -1, 1, 1) * truth * raw.log_softmax(dim=1)).sum(dim=1).mean()
