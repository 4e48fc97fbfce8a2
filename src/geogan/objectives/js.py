"""The minimax game of Goodfellow et al. (2014), equation 1."""

from __future__ import annotations

from typing import final

from torch.nn.functional import softplus

from geogan.objectives.objective import Objective, Scalar, Scores


@final
class JS(Objective):
    """Critic: E softplus(-s_real) + E softplus(s_fake). Generator: -E softplus(s_fake)."""

    def critic(self, real: Scores, fake: Scores) -> Scalar:
        return softplus(-real).mean() + softplus(fake).mean()

    def generator(self, real: Scores, fake: Scores) -> Scalar:
        return -softplus(fake).mean()
