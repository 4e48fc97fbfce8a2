"""The Wasserstein game of Arjovsky et al. (2017), equation 2; wants a Lipschitz penalty."""

from __future__ import annotations

from typing import final

from geogan.objectives.objective import Objective, Scalar, Scores


@final
class Wasserstein(Objective):
    """Critic: E s_fake - E s_real. Generator: -E s_fake."""

    def critic(self, real: Scores, fake: Scores) -> Scalar:
        return fake.mean() - real.mean()

    def generator(self, real: Scores, fake: Scores) -> Scalar:
        return -fake.mean()
