"""Zero-centred gradient penalty on real data: Mescheder et al. (2018), "Which training methods for GANs do actually
converge?", equation 9; with ``fake`` also R2, equation 10, as in Huang et al. (2024), section 2.2.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from geogan.penalties.gradient import Score, gradient_norms


def r1(
    score: Score,
    real: Float[Tensor, "batch channel y x"],
    fake: Float[Tensor, "batch channel y x"],
    rng: torch.Generator,
    /,
    *,
    weight: float = 1.0,
    on_fake: bool = False,
) -> Float[Tensor, ""]:
    """weight / 2 * E ||grad score(x)||_2^2 over real x; plus the same over generated x with ``on_fake`` (R2).

    ``weight`` is gamma of the papers; the score of a sample is the mean of its score map.
    """
    norms = gradient_norms(score, real).square().mean()
    if on_fake:
        norms = norms + gradient_norms(score, fake).square().mean()
    return weight / 2 * norms
