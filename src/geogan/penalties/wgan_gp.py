"""Gradient penalty of Gulrajani et al. (2017), equation 3."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from geogan.penalties.gradient import Score, gradient_norms, one_per_sample


def wgan_gp(
    score: Score,
    real: Float[Tensor, "batch channel y x"],
    fake: Float[Tensor, "batch channel y x"],
    rng: torch.Generator,
    /,
    *,
    weight: float = 10.0,
) -> Float[Tensor, ""]:
    """weight * E (||grad score(x)||_2 - 1)^2 on segments between real and fake, one point a sample."""
    alpha = one_per_sample(real, rng)
    between = alpha * real + (1 - alpha) * fake
    return weight * (gradient_norms(score, between) - 1).square().mean()
