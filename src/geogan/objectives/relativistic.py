"""The relativistic pairing game: Jolicoeur-Martineau (2018); Huang et al. (2024), "The GAN is dead", equation 2."""

from __future__ import annotations

from typing import final

from torch.nn.functional import softplus

from geogan.objectives.objective import Objective, Scalar, Scores


@final
class Relativistic(Objective):
    """Critic: E softplus(s_fake - s_real). Generator: E softplus(s_real - s_fake). One fake beside each real.

    The landscape has no state where the fakes lie on one side of a fixed border and gather in one mode.
    """

    relativistic = True

    def critic(self, real: Scores, fake: Scores) -> Scalar:
        return softplus(fake - real).mean()

    def generator(self, real: Scores, fake: Scores) -> Scalar:
        return softplus(real - fake).mean()
