"""Cross-entropy of a map of classes."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def cross_entropy(
    raw: Float[Tensor, "batch class y x"],
    image: Float[Tensor, "batch class y x"],
    truth: Float[Tensor, "batch class y x"],
    /,
    *,
    weight: float = 10.0,
) -> Float[Tensor, ""]:
    """weight * mean over pixels of -sum_k truth_k log softmax(raw)_k; ``truth`` has one channel per class."""
    return -weight * (truth * raw.log_softmax(dim=1)).sum(dim=1).mean()
