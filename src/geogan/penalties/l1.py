"""Mean absolute error against the truth: Isola et al. (2017), equation 3."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def l1(
    raw: Float[Tensor, "batch channel y x"],
    image: Float[Tensor, "batch channel y x"],
    truth: Float[Tensor, "batch channel y x"],
    /,
    *,
    weight: float = 100.0,
) -> Float[Tensor, ""]:
    """weight * mean |truth - image|."""
    return weight * (truth - image).abs().mean()
