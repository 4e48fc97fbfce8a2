"""Mean squared error against the truth."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def l2(
    raw: Float[Tensor, "batch channel y x"],
    image: Float[Tensor, "batch channel y x"],
    truth: Float[Tensor, "batch channel y x"],
    /,
    *,
    weight: float = 100.0,
) -> Float[Tensor, ""]:
    """weight * mean (truth - image)^2."""
    return weight * (truth - image).square().mean()
