"""Objectives: the adversarial game on scores (logits). What each player minimises, means over the score map."""

from geogan.choices import Table
from geogan.objectives.js import JS
from geogan.objectives.least_squares import LeastSquares
from geogan.objectives.non_saturating import NonSaturating
from geogan.objectives.objective import Objective
from geogan.objectives.relativistic import Relativistic
from geogan.objectives.wasserstein import Wasserstein

OBJECTIVES: Table = {
    "js": JS,
    "non_saturating": NonSaturating,
    "least_squares": LeastSquares,
    "wasserstein": Wasserstein,
    "relativistic": Relativistic,
}

__all__ = ["OBJECTIVES", "Objective"]
