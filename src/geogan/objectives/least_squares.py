"""The least-squares game of Mao et al. (2017), equation 9 without the halves."""

from __future__ import annotations

from typing import final

from geogan.objectives.objective import Objective, Scalar, Scores


@final
class LeastSquares(Objective):
    """Critic: E (s_real - 1)^2 + E s_fake^2. Generator: E (s_fake - 1)^2."""

    def critic(self, real: Scores, fake: Scores) -> Scalar:
        return (real - 1).square().mean() + fake.square().mean()

    def generator(self, real: Scores, fake: Scores) -> Scalar:
        return (fake - 1).square().mean()
