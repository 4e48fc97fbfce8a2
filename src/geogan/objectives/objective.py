"""What every objective answers."""

from __future__ import annotations

from abc import ABC, abstractmethod

from jaxtyping import Float
from torch import Tensor, nn

Scores = Float[Tensor, "batch 1 y x"]
Scalar = Float[Tensor, ""]


class Objective(nn.Module, ABC):
    """An adversarial game on critic scores; state of the game would be a buffer."""

    relativistic = False  # whether the generator's side needs the real scores; else it is handed the fake ones

    @abstractmethod
    def critic(self, real: Scores, fake: Scores) -> Scalar:
        """What the critic minimises."""

    @abstractmethod
    def generator(self, real: Scores, fake: Scores) -> Scalar:
        """What the generator minimises; ``real`` matters to relativistic games alone."""
