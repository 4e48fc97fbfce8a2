"""Gradient penalty around the data: Kodali et al. (2017), "On convergence and stability of GANs"."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from geogan.penalties.gradient import Score, gradient_norms, one_per_sample


def dragan(
    score: Score,
    real: Float[Tensor, "batch channel y x"],
    fake: Float[Tensor, "batch channel y x"],
    rng: torch.Generator,
    /,
    *,
    weight: float = 10.0,
    scale: float = 0.5,
) -> Float[Tensor, ""]:
    """weight * E (||grad score(x)||_2 - 1)^2 between x and x + scale * std(x) * U[0, 1], real x alone."""
    noise = torch.rand(real.shape, generator=rng, device=real.device)
    alpha = one_per_sample(real, rng)
    near = real + alpha * scale * real.std() * noise
    return weight * (gradient_norms(score, near) - 1).square().mean()
