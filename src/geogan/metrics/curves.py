"""Curves over the lag for figures: the simulated mean beside the real mean and its envelope."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from geogan.metrics.connectivity import mean_curve
from geogan.metrics.statistics import Statistics


@dataclass(frozen=True)
class Curve:
    """One statistic at lags 1, 2, ... pixels.

    ``name`` is ``connectivity_x``, ``variogram_y``, ..., with ``_<facies>`` behind it where more than
    two facies are studied. Minimum and maximum are over the real fields, lag by lag.
    """

    name: str
    simulated: Float64[np.ndarray, " lag"]
    real_mean: Float64[np.ndarray, " lag"]
    real_min: Float64[np.ndarray, " lag"]
    real_max: Float64[np.ndarray, " lag"]


def compared(real: Statistics, simulated: Statistics, names: Sequence[str]) -> Iterator[Curve]:
    """The curves of both samples, of every studied facies, along x and y; ``names`` one per code."""
    for statistic in ("connectivity", "variogram"):
        for index, code in enumerate(real.studied):
            for axis, letter in enumerate("xy"):
                truth = getattr(real, statistic)[index, axis]
                known = ~np.isnan(truth)
                anywhere = known.any(axis=0)  # a lag at which no real field has a pair: 0, as its mean
                yield Curve(
                    name="_".join([statistic, letter] + [names[code]] * (len(real.studied) > 1)),
                    simulated=mean_curve(getattr(simulated, statistic)[index, axis]),
                    real_mean=mean_curve(truth),
                    real_min=np.where(anywhere, np.where(known, truth, np.inf).min(axis=0), 0.0),
                    real_max=np.where(anywhere, np.where(known, truth, -np.inf).max(axis=0), 0.0),
                )
